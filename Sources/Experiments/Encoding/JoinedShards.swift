import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Synchronization
import Torch

/// The shards of a feature set, put together by where their rows lie.
struct JoinedShards {
  /// Whether features are copied, into one file a split; else they stay where they are.
  let copies: Bool
  private let parts: [ShardPart]
  private let cache: URL
  /// Relative to the cache.
  private let names: [String]
  private let files: RowFiles
  /// Of each shard's files the numbers among all.
  private let numbers: [[Int]]

  init(_ parts: [ShardPart], cache: URL, copies: Bool) throws {
    self.parts = parts
    self.cache = cache
    self.copies = copies
    var known: [String: Int] = [:]
    var names: [String] = []
    numbers = parts.map { part in
      part.facts.files.map { name in
        if let number = known[name] { return number }
        known[name] = names.count
        names.append(name)
        return names.count - 1
      }
    }
    self.names = names
    guard names.count <= Self.mostFiles else {
      throw Diagnosis(
        "the rows lie in \(names.count) files, more than can be open at once", place: cache.relativePath,
        found: ["\(Self.mostFiles) can be"], remedy: "--shard next has a file a process, and not one a shard",
        exitStatus: .input)
    }
    if let missing = names.first(where: { access(cache.appending(path: $0).path, F_OK) != 0 }) {
      throw Diagnosis(
        "a file of a shard's rows is missing", place: cache.appending(path: missing).relativePath,
        found: parts.filter { $0.facts.files.contains(missing) }.prefix(10).map { Self.words($0) },
        remedy: "copy it here, or encode the shard again", exitStatus: .input)
    }
    files = RowFiles(names.map { cache.appending(path: $0).path })
  }

  /// Linux maps 65,530 at most.
  private static let mostFiles = 60_000

  private static func words(_ part: ShardPart) -> String {
    part.url.deletingPathExtension().lastPathComponent.replacing("-of-", with: "/")
  }

  /// Samples that shards leave out, by number, and why.
  var leftOut: [Int: String] {
    parts.reduce(into: [:]) { all, part in
      for (number, why) in part.facts.leftOut { all[Int(number) ?? -1] = why }
    }
  }

  /// What the encoder of a kind of input is named by.
  func tag(_ kind: RawInput.Kind) throws -> String {
    let tags = Set(parts.map { $0.facts.encoders[kind.rawValue] ?? "" })
    guard tags.count == 1, let tag = tags.first else {
      throw Diagnosis(
        "the \(kind.rawValue) encoder learnt other things in some shards than in others", place: cache.relativePath,
        remedy: "encode the shards again, over the same inputs", exitStatus: .input)
    }
    return tag
  }

  /// The root mean square of the training features, by kind of input.
  func scales(_ encoders: [EncoderAtWork], samples: Int) -> [String: Double] {
    var sums: [String: Double] = [:]
    for part in parts { sums.merge(part.facts.squares) { $0 + $1 } }
    return sums.reduce(into: [:]) { scales, sum in
      guard let one = encoders.first(where: { $0.kind.rawValue == sum.key }) else { return }
      scales[sum.key] = (sum.value / Double(max(samples, 1) * one.encoder.width)).squareRoot()
    }
  }

  /// Refuses shards that have not the samples of the data, each once.
  func check(_ data: RawDataset) throws {
    for split in RawSplit.allCases {
      let samples = data.samples(in: split)
      var place = 0
      for part in parts {
        for number in try part.numbers(split) {
          guard place < samples.count, samples.number(at: place) == number else {
            throw Diagnosis(
              "a shard has other samples than the data", place: part.url.relativePath,
              remedy: "encode it again", exitStatus: .input)
          }
          place += 1
        }
      }
      guard place == samples.count else {
        throw Diagnosis(
          "the shards have \(place) samples of the \(split.rawValue) split, the data has \(samples.count)",
          place: cache.relativePath, remedy: "encode the shards again", exitStatus: .input)
      }
    }
  }

  /// Refuses shards whose numbers are not those that were encoded; reads all.
  func verify(_ matrices: [(name: String, form: InputForm)], _ context: EncodingContext) throws {
    let done = Mutex(0)
    let wrong = try parallelMap(parts.count, threads: context.settings.threads) {
      [context, parts, numbers, files] shard -> String? in
      try context.checkStop()
      let part = parts[shard]
      let digest = RowDigest()
      for (name, form) in matrices {
        for place in try part.places(name) {
          let bytes = try? files.bytes(at: Self.moved(place, numbers[shard]), count: form.storedBytes)
          guard let bytes else { return "\(Self.words(part)): a file of its rows is shorter than it was" }
          digest.add(bytes, form.cachedType)
        }
      }
      done.withLock { done in
        done += 1
        context.events(.progress(label: "Checking", done: done, total: parts.count, detail: "digests of shards"))
      }
      if !digest.isFinite { return "\(Self.words(part)): has numbers that are not finite" }
      return digest.finalize() == part.facts.digest ? nil : Self.words(part)
    }.compactMap { $0 }
    guard wrong.isEmpty else {
      throw Diagnosis(
        wrong.count == 1
          ? "a shard has changed since it was encoded" : "\(wrong.count) shards have changed since they were encoded",
        place: cache.relativePath, found: wrong.listed(atMost: 20),
        remedy: "remove the shard's record and its rows, encode it again, and join", exitStatus: .input)
    }
  }

  /// A place with the file's number among all.
  private static func moved(_ place: Int, _ numbers: [Int]) throws -> Int64 {
    let (file, offset) = RowFiles.parts(of: Int64(place))
    guard numbers.indices.contains(file) else {
      throw Diagnosis("a shard's part names a file that it does not have", exitStatus: .input)
    }
    return RowFiles.place(file: numbers[file], offset: offset)
  }

  // MARK: Writing

  /// A matrix as it is stored: the places of its rows, or copies of them.
  func matrix(
    _ part: EncodingPart, _ work: EncoderAtWork
  ) -> (tensor: SafeTensors.Portions, metadata: [String: String]) {
    let (form, name) = (work.encoder.form, work.kind.rawValue)
    let matrix = "\(part.file)/\(name)"
    let count = part.samples.count
    guard refers(to: form) else {
      let tensor = SafeTensors.Portions(name, form.elementType, [count] + form.shape) { body in
        for (shard, own) in parts.enumerated() {
          for place in try own.places(matrix) {
            try form.stored(
              files.bytes(at: Self.moved(place, numbers[shard]), count: form.cachedWidth * 4), body)
          }
        }
      }
      return (tensor, [:])
    }
    let tensor = SafeTensors.Portions(name + FeatureFile.ending, .int64, [count]) { body in
      for (shard, own) in parts.enumerated() {
        let places = try own.places(matrix).map { try Self.moved($0, numbers[shard]).littleEndian }
        try places.withUnsafeBytes(body)
      }
    }
    return (tensor, FeatureFile.metadata(name, form.elementType, form.shape))
  }

  /// Whether features of that form stay where they are.
  func refers(to form: InputForm) -> Bool { !copies && form.isStoredAsCached }

  /// Writes what the places mean, and links the files of rows into the folder; a disk that has no links is referred to.
  ///
  /// - Parameter matrices: those whose rows stay where they are, by name.
  /// - Returns: what a person should know of it.
  func writeIndex(_ matrices: [String], to folder: URL) throws -> [String] {
    guard !matrices.isEmpty else { return [] }
    var notes: [String] = []
    var index: [JoinedRows.File] = []
    for name in names {
      let (source, path) = (cache.appending(path: name), "\(JoinedRows.folder)/\(name)")
      let target = folder.appending(path: path)
      try Diagnosis.placing(folder) {
        try FileManager.default.createDirectory(
          at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
      }
      let isLinked = link(source.path, target.path) == 0
      if !isLinked, notes.isEmpty {
        notes.append(
          "the features refer to \(cache.relativePath), which is on another disk: keep it, or join with --copy")
      }
      guard let state = FileState(of: source) else { continue }
      index.append(
        .init(
          path: isLinked ? path : source.standardizedFileURL.path(percentEncoded: false), bytes: state.bytes,
          modified: state.modified))
    }
    try JoinedRows(files: index, parts: matrices, shards: parts.map { ($0.facts.digest, $0.counts) }).write(to: folder)
    return notes
  }
}
