import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Torch

/// Where the rows of a finished shard's samples lie, and which samples it leaves out: `3-of-40.safetensors`.
///
/// By it shards are joined without a second copy of the rows, and without the inputs being read again. The file has the numbers
/// of the samples by split (`numbers/train`) and by matrix of features (`test@image-noisy/image`) the place of each sample's
/// row, as ``RowFiles`` counts files and bytes.
struct ShardPart {
  /// What is said besides the places.
  struct Facts: Codable, Equatable {
    /// Files of rows, relative to the cache.
    var files: [String] = []
    /// Samples of its range that are left out, by number, and why.
    var leftOut: [String: String] = [:]
    /// By kind of input what its encoder is named by.
    var encoders: [String: String] = [:]
    /// By kind of input the sum of the squares of the training features.
    var squares: [String: Double] = [:]
    /// Of the numbers of all matrices, as ``JoinedRows`` takes it.
    var digest = ""
  }

  let url: URL
  let facts: Facts
  /// How many samples there are of each split.
  let counts: [Int]
  /// Numbers and places by the names they have in the file.
  private let lists: [String: [Int]]

  private static let key = "shard"

  /// Looks up the rows of a shard's samples and writes where they lie.
  ///
  /// - Parameter own: the numbers of its samples.
  static func write(
    _ own: Range<Int>, _ data: RawDataset, leftOut: [Int: Diagnosis], _ encoders: [EncoderAtWork], _ rows: RowEncoding,
    to url: URL
  ) throws {
    var facts = Facts()
    for (number, why) in leftOut where own.contains(number) {
      facts.leftOut["\(number)"] = why.found.isEmpty ? why.what : "\(why.what): \(why.found.joined(separator: ", "))"
    }
    for one in encoders { facts.encoders[one.kind.rawValue] = one.tag }
    var tensors: [(String, Tensor)] = try RawSplit.allCases.map { split in
      let samples = data.samples(in: split)
      return ("numbers/\(split.rawValue)", try Tensor(samples.places(numbered: own).map { samples.number(at: $0) }))
    }
    let digest = RowDigest()
    var known: [String: Int] = [:]
    for (name, one, part) in rows.plan.matrices(of: encoders, data) {
      let form = one.encoder.form
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: form.cachedWidth * 4, alignment: 64)
      defer { buffer.deallocate() }
      var places: [Int] = []
      for place in part.samples.places(numbered: own) {
        let found = try rows.locate(part.samples[place], part.view, one, into: buffer)
        let file = "\(one.cache.folder.lastPathComponent)/\(found.file)"
        if known[file] == nil {
          known[file] = facts.files.count
          facts.files.append(file)
        }
        places.append(Int(RowFiles.place(file: known[file] ?? 0, offset: found.offset)))
        digest.add(UnsafeRawBufferPointer(rebasing: buffer[..<form.storedBytes]), form.cachedType)
        if part.file == RawSplit.train.rawValue, !form.needsEncoder {
          facts.squares[one.kind.rawValue, default: 0] += buffer.bindMemory(to: Float.self).reduce(0.0) {
            $0 + Double($1) * Double($1)
          }
        }
      }
      tensors.append((name, try Tensor(places)))
    }
    facts.digest = digest.finalize()
    try SafeTensors.write(tensors, metadata: [key: Tree(encoding: facts, keys: .asNamed).json()], to: url)
  }

  /// Reads all at once: thousands of shards cannot stay open, and to open each anew for every matrix took most of a join.
  init(reading url: URL) throws {
    self.url = url
    let file = try SafeTensors(reading: url)
    facts = try Tree(json: file.metadata[Self.key] ?? "").decode(Facts.self, keys: .asNamed)
    var lists: [String: [Int]] = [:]
    for name in file.names { lists[name] = try file.tensor(name).array() }
    self.lists = lists
    counts = RawSplit.allCases.map { lists["numbers/\($0.rawValue)"]?.count ?? 0 }
  }

  /// The numbers of the samples of a split, ascending.
  func numbers(_ split: RawSplit) throws -> [Int] { try list("numbers/\(split.rawValue)") }

  /// The places of a matrix's rows.
  func places(_ matrix: String) throws -> [Int] { try list(matrix) }

  private func list(_ name: String) throws -> [Int] {
    guard let found = lists[name] else {
      throw Diagnosis(
        "what a shard says of its rows lacks '\(name)'", place: url.relativePath, remedy: "encode the shard again",
        exitStatus: .input)
    }
    return found
  }
}

extension EncodingPlan {
  /// All matrices with a row for each sample, by name: `test@image-noisy/image`.
  func matrices(
    of encoders: [EncoderAtWork], _ data: RawDataset
  ) -> [(name: String, work: EncoderAtWork, part: EncodingPart)] {
    encoders.flatMap { one in
      parts(of: one.kind, data).map { ("\($0.file)/\(one.kind.rawValue)", one, $0) }
    }.sorted { $0.name < $1.name }
  }
}

extension InputForm {
  /// The bytes of a row of the cache that are numbers, as they are kept.
  var storedBytes: Int { if case .pixels = self { count } else { count * 4 } }

  /// What they are in the cache.
  var cachedType: ElementType { if case .pixels = self { .uint8 } else { .float32 } }

  /// Whether rows of the cache are as features are stored.
  var isStoredAsCached: Bool { if case .tokens = self { false } else { true } }
}
