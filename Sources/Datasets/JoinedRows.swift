package import Foundation
import Multimodal
import Records
import Synchronization
package import Torch

/// The rows that a joined feature set refers to: `rows.json`, beside files of features that hold places in place of numbers.
///
/// It has the digest of each shard's numbers: so the digest of the file names the features.
package struct JoinedRows: Codable, Equatable {
  package static let fileName = "rows.json"
  /// The folder of the files of rows, in the feature set's.
  package static let folder = "rows"

  /// A file of rows.
  package struct File: Codable, Equatable {
    /// Relative to the feature set's folder, or absolute.
    package var path: String
    package var bytes: Int
    /// When it was changed last, in nanoseconds since 1970.
    package var modified: Int

    package init(path: String, bytes: Int, modified: Int) {
      (self.path, self.bytes, self.modified) = (path, bytes, modified)
    }
  }

  package var files: [File]
  /// The file and the modality of each matrix of rows, in the order that digests take them: `test@image-noisy/image`.
  package var parts: [String]
  /// Of each shard the digest of its numbers, and how many samples of each split it has: `<sha256> 900 50 50`.
  package var shards: [String]

  package init(files: [File], parts: [String], shards: [(digest: String, counts: [Int])]) {
    self.files = files
    self.parts = parts
    self.shards = shards.map { ([$0.digest] + $0.counts.map(String.init)).joined(separator: " ") }
  }

  package func write(to folder: URL) throws {
    let text = try Tree(encoding: self, keys: .asNamed).json(.pretty, order: ["files", "parts", "shards"]) + "\n"
    try AtomicFile.write(Data(text.utf8), to: folder.appending(path: Self.fileName))
  }

  /// Nil where the feature set holds its numbers itself.
  package static func read(in folder: URL) throws -> JoinedRows? {
    let url = folder.appending(path: fileName)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    return try Tree.read(from: url)
  }

  // MARK: Files

  /// Those that are open in this process, by the index that names them.
  private static let known = Mutex<[URL: (index: JoinedRows, files: WeakFiles)]>([:])

  private final class WeakFiles: @unchecked Sendable {
    weak var files: RowFiles?
    init(_ files: RowFiles) { self.files = files }
  }

  /// The files of a feature set's rows, which all its splits and conditions share.
  package static func files(in folder: URL) throws -> RowFiles {
    guard let index = try read(in: folder) else {
      throw Diagnosis(
        "the features lie elsewhere, and there is no \(fileName) that says where", place: folder.relativePath,
        remedy: "copy the folder with all that is in it, or join the shards again", exitStatus: .input)
    }
    let place = folder.standardizedFileURL
    return try known.withLock { known in
      if let found = known[place], found.index == index, let files = found.files.files { return files }
      let files = RowFiles(index.files.map { index.url($0, in: folder).path })
      // A copy has other times, and so has what was changed.
      if try index.look(at: folder) { try index.verify(in: folder, files) }
      known[place] = (index, WeakFiles(files))
      return files
    }
  }

  private func url(_ file: File, in folder: URL) -> URL {
    file.path.hasPrefix("/") ? URL(filePath: file.path) : folder.appending(path: file.path)
  }

  /// Refuses files that are not there or have become shorter.
  ///
  /// - Returns: whether some have other times than when they were joined.
  private func look(at folder: URL) throws -> Bool {
    var isOther = false
    for file in files {
      let url = url(file, in: folder)
      guard let state = FileState(of: url) else {
        throw Diagnosis(
          "a file of the joined features' rows is missing", place: url.relativePath,
          remedy: "bring it back, or encode the shard again and join", exitStatus: .input)
      }
      guard state.bytes >= file.bytes else {
        throw Diagnosis(
          "a file of the joined features' rows is shorter than it was", place: url.relativePath,
          found: ["\(state.bytes) bytes, joined with \(file.bytes)"], remedy: "encode the shard again and join",
          exitStatus: .input)
      }
      if state.modified != file.modified { isOther = true }
    }
    return isOther
  }

  // MARK: Digests

  /// Refuses numbers that are not those that were joined; reads all.
  ///
  /// - Parameters:
  ///   - threads: 0 takes one a core.
  ///   - step: is told how many shards are read.
  package func verify(
    in folder: URL, _ files: RowFiles, threads: Int = 0, step: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    let rows = try parts.map { part -> (split: Int, rows: StoredRows) in
      let name = part.split(separator: "/").map(String.init)
      let split = ["train", "validation", "test"].firstIndex { name[0] == $0 || name[0].hasPrefix("\($0)@") }
      guard name.count == 2, let split else { throw damaged(folder) }
      let index = try SafeTensors(reading: folder.appending(path: "\(name[0]).safetensors"))
      return (split, try FeatureFile.rows(name[1], in: index, of: files))
    }
    var starts = [0, 0, 0]
    var ranges: [(digest: String, ranges: [Range<Int>])] = []
    for shard in shards {
      let words = shard.split(separator: " ").map(String.init)
      let counts = words.dropFirst().compactMap { Int($0) }
      guard counts.count == 3, counts.allSatisfy({ $0 >= 0 }) else { throw damaged(folder) }
      ranges.append((words[0], (0..<3).map { starts[$0]..<(starts[$0] + counts[$0]) }))
      for split in 0..<3 { starts[split] += counts[split] }
    }
    guard rows.allSatisfy({ $0.rows.shape[0] == starts[$0.split] }) else { throw damaged(folder) }
    let done = Mutex(0)
    let wrong = try parallelMap(ranges.count, threads: threads) { [ranges, rows] shard -> String? in
      let digest = RowDigest()
      for (split, rows) in rows {
        let range = ranges[shard].ranges[split]
        try rows.forEach(range) { digest.add($0, rows.type) }
        rows.forget(range)
      }
      step(
        done.withLock { done in
          done += 1
          return done
        })
      if !digest.isFinite { return "\(shard + 1)/\(ranges.count): has numbers that are not finite" }
      return digest.finalize() == ranges[shard].digest ? nil : "\(shard + 1)/\(ranges.count)"
    }.compactMap { $0 }
    guard wrong.isEmpty else {
      throw Diagnosis(
        wrong.count == 1 ? "a shard is not what it was" : "\(wrong.count) shards are not what they were",
        place: folder.relativePath, found: wrong.listed(atMost: 20),
        remedy: "encode them again and join", exitStatus: .input)
    }
  }

  private func damaged(_ folder: URL) -> Diagnosis {
    Diagnosis(
      "the file does not belong to these features", place: folder.appending(path: Self.fileName).relativePath,
      remedy: "join the shards again", exitStatus: .input)
  }

  /// The same for a feature set on disk; nothing to do where it holds its numbers itself.
  package static func verify(in folder: URL, threads: Int = 0) throws {
    guard let index = try read(in: folder) else { return }
    try index.verify(in: folder, files(in: folder), threads: threads)
  }
}

/// The digest of a shard's numbers.
package final class RowDigest {
  private var hash = SHA256()
  private var sum: Float = 0

  package init() {}

  /// Adds the bytes of a row.
  package func add(_ row: UnsafeRawBufferPointer, _ type: ElementType) {
    hash.update(bufferPointer: row)
    guard type == .float32 else { return }
    // Nothing but what is not finite leaves a trace: zero times a number is zero.
    for place in stride(from: 0, to: row.count, by: 4) {
      sum += row.loadUnaligned(fromByteOffset: place, as: Float.self) * 0
    }
  }

  package var isFinite: Bool { sum == 0 }

  /// In hexadecimal; the last that may be asked of it.
  package func finalize() -> String { FileDigest.hex(hash.finalize()) }
}
