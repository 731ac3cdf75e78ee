import Auditing
import Foundation
import Multimodal
import Records

/// Which words and patches of telling samples speak for the answers of a model that is asked.
///
/// All samples walk side by side, a pair of walks at a time, so that a program is asked about many at once.
struct AuditedParts {
  let source: RawAuditSource
  /// The source's row of each row of the table.
  let rows: [Int]
  /// Those that answers are about.
  let classes: AnswerClasses
  /// Samples at most.
  let most: Int
  /// Pairs of walks at most, for each.
  let pairs: Int
  let events: EventSink
  /// Asks about everything in a plan.
  let ask: (AuditPlan) throws -> (store: AnswerStore, failed: [LeftOut])

  struct Found {
    var samples: [TellingSample]
    /// What a reader must know.
    var notes: [String] = []
    /// Requests that were answered now, and before.
    var asked = 0
    var known = 0
  }

  /// The samples with what their parts speak for.
  ///
  /// - Parameter full: what the model says with everything there, of the classes of ``classes`` in their order, or the first.
  func explained(_ samples: [TellingSample], full: AnswerTable) throws -> Found {
    var found = Found(samples: samples)
    var seen: Set<[AuditCell]> = []
    let answers = full.probabilities(severalLabels: classes.isMultiLabel)
    var walking: [Walking] = []
    for (place, sample) in samples.enumerated() where walking.count < most {
      let row = Int32(rows[sample.row])
      guard let parts = try source.parts(of: row) else { continue }
      let own = answers[(sample.row * full.classes)..<((sample.row + 1) * full.classes)]
      guard let answer = own.indices.max(by: { own[$0] < own[$1] }) else { continue }
      walking.append(
        Walking(
          place: place, row: row, parts: parts, answer: answer - own.startIndex,
          walks: PartWalks(modalities: parts.modalities, stream: sample.id ?? "\(sample.row)", pairs: pairs)))
    }
    if !walking.isEmpty {
      let count = walking.count == 1 ? "1 telling sample" : "\(walking.count) telling samples"
      events(.phase("Words and patches", "of \(count), left out one after the other"))
    }
    while walking.contains(where: { !$0.walks.isOver }) {
      var plan = AuditPlan(source, rows: walking.map { Int($0.row) }, as: AuditKeys.parts)
      var known: [[AuditCell]: Int32] = [:]
      var asked: [(walk: Int, requests: [Int32])] = []
      for number in walking.indices where !walking[number].walks.isOver {
        let (parts, row) = (walking[number].parts, walking[number].row)
        let shown = walking[number].walks.next().map { source.cells(parts, row, $0) }
        asked.append((number, plan.add(shown, for: Int(row), &known)))
      }
      let (store, failed) = try ask(plan)
      // What shows no part is a request of the table's.
      let fresh = known.keys.filter { $0.contains { $0.isOfParts } && !seen.contains($0) }
      seen.formUnion(fresh)
      let now = store.answered - store.knownBefore
      found.asked += now
      found.known += max(0, fresh.count - now - failed.count)
      let out = Set(failed.map { Int32($0.row) })
      for (number, requests) in asked where !out.contains(walking[number].row) {
        walking[number].walks.take(try worths(requests, walking[number].answer, store))
      }
      if !failed.isEmpty {
        found.notes.append(
          "words and patches are left out of \(failed.map { "'\($0.id)'" }.joined(separator: ", ")), at which the program died"
        )
      }
      walking.removeAll { out.contains($0.row) }
    }
    for walk in walking {
      found.samples[walk.place].parts = walk.parts.record(walk.walks.shares, answer: classes.names[walk.answer])
    }
    return found
  }

  private struct Walking {
    let place: Int
    let row: Int32
    let parts: InputParts
    let answer: Int
    var walks: PartWalks
  }

  /// The probability of a class in the answers to some requests.
  private func worths(_ requests: [Int32], _ answer: Int, _ store: AnswerStore) throws -> [Double] {
    let scores = try AnswerTable(
      rows: requests.count, classes: classes.count, kind: store.form == .logits ? .logits : .probabilities,
      values: store.scores(of: requests), severalLabels: classes.isMultiLabel, name: AuditKeys.parts)
    let values = scores.probabilities(severalLabels: classes.isMultiLabel)
    return requests.indices.map { values[$0 * classes.count + answer] }
  }

  /// Requests that it makes of a source at most.
  static func mostRequests(_ source: RawAuditSource, samples: Int, pairs: Int) -> Int {
    // Of a walk everything is known, and nothing is asked once.
    let each = (0..<source.samples.count).compactMap { row in
      source.parted(Int32(row)).map { text in
        let (words, patches) = InputParts.counts(ofText: text)
        return 2 * pairs * (words + patches - 1) + 1
      }
    }
    return each.sorted(by: >).prefix(samples).reduce(0, +)
  }
}
