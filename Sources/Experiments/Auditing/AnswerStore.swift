import Datasets
import Foundation
import Records

/// What a model has answered: in memory for the table, and in a folder, so that nothing is asked twice.
///
/// A row is kept under a digest of the request and of the model; a killed process loses at most what it had not read.
final class AnswerStore: @unchecked Sendable {
  private let classes: Int
  private let keys: [RowKey]
  private let cache: FeatureCache
  private let lock = NSLock()
  private var values: [Double]
  private var isKnown: [Bool]
  private var found: AnswerForm?
  private var count = 0
  /// How many were known before anything was asked.
  let knownBefore: Int

  /// - Parameters:
  ///   - keys: of each request.
  ///   - folder: where answers are kept.
  ///   - form: in which the model has answered others; nil before it has.
  init(_ keys: [RowKey], classes: Int, folder: URL, form: AnswerForm? = nil) throws {
    self.keys = keys
    self.classes = classes
    let cache = try FeatureCache(folder, width: 1 + 2 * classes)
    self.cache = cache
    values = [Double](repeating: .nan, count: keys.count * classes)
    isKnown = [Bool](repeating: false, count: keys.count)
    var found = form
    var row = [Float](repeating: 0, count: cache.width)
    var known = 0
    for (request, key) in keys.enumerated() where cache.count > 0 {
      let isThere = row.withUnsafeMutableBytes { cache.read(key, into: $0) }
      guard isThere, let form = AnswerForm(rawValue: Int(row[0])) else { continue }
      let scores = ModelScores(form: form, values: Self.unpacked(row))
      guard scores.values.allSatisfy(\.isFinite), found == nil || found == form else { continue }
      found = form
      for (place, value) in scores.values.enumerated() { values[request * classes + place] = value }
      isKnown[request] = true
      known += 1
    }
    knownBefore = known
    count = known
    self.found = found
  }

  /// Numbers of 64 bits, each as two of 32.
  private static func packed(_ scores: ModelScores) -> [Float] {
    [Float(scores.form.rawValue)]
      + scores.values.flatMap { value in
        [
          Float(bitPattern: UInt32(truncatingIfNeeded: value.bitPattern)),
          Float(bitPattern: UInt32(truncatingIfNeeded: value.bitPattern >> 32)),
        ]
      }
  }

  private static func unpacked(_ row: [Float]) -> [Double] {
    stride(from: 1, to: row.count - 1, by: 2).map { place in
      Double(bitPattern: UInt64(row[place].bitPattern) | UInt64(row[place + 1].bitPattern) << 32)
    }
  }

  /// The requests without an answer, in order.
  var unanswered: [Int32] {
    lock.withLock { keys.indices.filter { !isKnown[$0] }.map(Int32.init) }
  }

  func isAnswered(_ request: Int) -> Bool { lock.withLock { isKnown[request] } }

  /// How many requests have an answer.
  var answered: Int { lock.withLock { count } }

  /// In which form the model answers; nil before it has.
  var form: AnswerForm? { lock.withLock { found } }

  /// Keeps answers.
  ///
  /// - Throws: a `Diagnosis` where one has another form than those before it; the others are kept.
  func take(_ answers: [(request: Int, scores: ModelScores)]) throws {
    guard !answers.isEmpty else { return }
    try lock.withLock {
      var taken: [(request: Int, scores: ModelScores)] = []
      var other: ModelScores?
      for answer in answers {
        let form = found ?? answer.scores.form
        guard answer.scores.form == form else {
          other = answer.scores
          break
        }
        found = form
        taken.append(answer)
      }
      try cache.append(taken.map { keys[$0.request] }, taken.flatMap { Self.packed($0.scores) })
      for (request, scores) in taken {
        for (place, value) in scores.values.enumerated() { values[request * classes + place] = value }
        if !isKnown[request] { count += 1 }
        isKnown[request] = true
      }
      if let other {
        throw Diagnosis(
          "the model answered with \(other.form.words), and before with \((found ?? other.form).words)",
          remedy: "answer every request in the same form")
      }
    }
  }

  /// The scores of some requests, one after the other; all must be known.
  func scores(of requests: [Int32]) -> [Double] {
    lock.withLock {
      requests.flatMap { values[(Int($0) * classes)..<((Int($0) + 1) * classes)] }
    }
  }

  func synchronize() throws { try lock.withLock { try cache.synchronize() } }
}
