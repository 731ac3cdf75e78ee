import Auditing
import Evaluation
import Foundation
import Multimodal
import Records

/// Numbers of a language model's table of predictions.
struct LanguageModelTable {
  private let table: PredictionTable
  private let conditions: [String: AnswerTable]
  private let labels: [Int]
  private let replicates: Int?
  private let seed: UInt64

  /// nil where no labels are known, or a sample has several.
  ///
  /// - Parameter more: conditions that are not in the table, of the same rows.
  init?(_ table: PredictionTable, _ more: [String: AnswerTable], replicates: Int?, seed: UInt64) {
    guard case .classes(let labels)? = table.labels else { return nil }
    self.table = table
    conditions = table.conditions.merging(more) { own, _ in own }
    self.labels = labels
    self.replicates = replicates
    self.seed = seed
  }

  private func probabilities(_ scores: AnswerTable) -> [[Double]] {
    let all = scores.probabilities(severalLabels: false)
    return (0..<scores.rows).map { Array(all[($0 * scores.classes)..<(($0 + 1) * scores.classes)]) }
  }

  // MARK: Rows

  /// What a condition is called in a table; nil for one that another stands for.
  private func title(_ condition: String) -> String? {
    let parts = condition.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return condition == "none" ? "neither" : condition }
    switch parts[0] {
    case "missing": return parts[1] == "image" ? "image missing (black)" : "\(parts[1]) missing"
    // Prompts know no difference between an empty text and none.
    case "absent": return parts[1] == "image" ? "no image" : nil
    case "only": return nil
    case "adapter": return parts[1] == "none" ? "adapter on no token" : "adapter on \(parts[1]) alone"
    case "hidden": return "\(parts[1].replacing("+", with: " and ")) hidden (mask)"
    default: return "\(parts[1]) \(parts[0])"
    }
  }

  private static let order = ["full", "missing", "noisy", "absent", "hidden", "none", "adapter"]

  /// A row for every condition, and for a modality of another sample of another class.
  func rows() -> [LanguageModelRecord.Row] {
    let names = conditions.keys.sorted { a, b in
      func rank(_ name: String) -> (Int, Int, String) {
        let parts = name.split(separator: ":").map(String.init)
        let kind = Self.order.firstIndex(of: parts[0]) ?? Self.order.count
        let place = parts.count > 1 ? table.modalities.firstIndex(of: parts[1]) ?? table.modalities.count : 0
        return (kind, place, name)
      }
      return rank(a) < rank(b)
    }
    var rows = names.compactMap { name -> LanguageModelRecord.Row? in
      guard let title = title(name), let scores = conditions[name] else { return nil }
      return row(name, title, scores, Array(0..<table.rows))
    }
    for modality in table.modalities {
      guard let swap = table.swaps.first(where: { $0.modality == modality && $0.k == 0 }) else { continue }
      let others = (0..<table.rows).filter { labels[swap.index[$0]] != labels[$0] }
      guard !others.isEmpty else { continue }
      rows.append(row("swap:\(modality):0", "other \(modality)", swap.scores, others))
    }
    return rows
  }

  private func row(
    _ condition: String, _ title: String, _ scores: AnswerTable, _ samples: [Int]
  ) -> LanguageModelRecord.Row {
    let predicted = probabilities(scores).map(Self.prediction)
    let counts = Dictionary(samples.map { (predicted[$0], 1) }, uniquingKeysWith: +)
    let largest = counts.max { ($0.value, -$0.key) < ($1.value, -$1.key) } ?? (key: 0, value: 0)
    let right = samples.map { predicted[$0] == labels[$0] ? 1.0 : 0 }
    return .init(
      condition: condition, title: title, accuracy: means(["": right])[""] ?? Estimate(.nan),
      largestShare: Double(largest.value) / Double(samples.count), largestClass: table.classes[largest.key],
      samples: samples.count)
  }

  private static func prediction(_ row: [Double]) -> Int {
    row.indices.reduce(0) { row[$1] > row[$0] ? $1 : $0 }
  }

  /// Means over samples, each with its interval.
  private func means(_ values: [String: [Double]]) -> [String: Estimate] {
    guard let count = values.values.first?.count, count > 0 else { return [:] }
    var bootstrap = Bootstrap<String>(samples: count)
    for (name, own) in values {
      bootstrap.add(
        name,
        [
          { weights in
            var (sum, total) = (0.0, 0.0)
            for (weight, value) in zip(weights, own) {
              sum += weight * value
              total += weight
            }
            return total > 0 ? sum / total : nil
          }
        ])
    }
    return bootstrap.estimates(replicates: replicates, seed: seed) { $0 }
  }

  // MARK: Shapley values

  /// Of picture and text, where conditions with each, both and neither are there.
  ///
  /// - Parameter condition: the name of the condition in which some modalities are left.
  func shapley(_ ablation: String, _ condition: (Set<String>) -> String) throws -> LanguageModelRecord.Shapley? {
    let names = table.modalities
    guard names.count == 2 else { return nil }
    var right: [[Double]] = []
    var logs: [[Double]] = []
    for members in 0..<(1 << names.count) {
      let left = Set(names.indices.filter { members >> $0 & 1 == 1 }.map { names[$0] })
      guard let scores = conditions[condition(left)] else { return nil }
      let rows = probabilities(scores)
      right.append(zip(rows, labels).map { Self.prediction($0) == $1 ? 1 : 0 })
      logs.append(zip(rows, labels).map { log(max($0[$1], 1e-12)) })
    }
    let accuracy = try Shapley.values(right)
    let likelihood = try Shapley.values(logs)
    let interaction = labels.indices.map { logs[3][$0] - logs[1][$0] - logs[2][$0] + logs[0][$0] }
    var values = ["interaction": interaction]
    for (place, name) in names.enumerated() {
      values["accuracy/\(name)"] = accuracy[place]
      values["likelihood/\(name)"] = likelihood[place]
    }
    let found = means(values)
    func own(_ kind: String) -> [String: Estimate] {
      Dictionary(uniqueKeysWithValues: names.map { ($0, found["\(kind)/\($0)"] ?? Estimate(.nan)) })
    }
    let sums = own("likelihood").mapValues(\.value)
    let total = sums.values.reduce(0, +)
    return .init(
      ablation: ablation, accuracy: own("accuracy"), likelihood: own("likelihood"),
      interaction: found["interaction"] ?? Estimate(.nan),
      shares: sums.values.allSatisfy { $0 > 0 } ? sums.mapValues { $0 / total } : [:])
  }

  // MARK: Conflicts

  /// Pictures of one class with texts of another, each side right where it is shown alone, and the answer one of the two.
  func conflict() -> LanguageModelRecord.Conflict? {
    guard Set(table.modalities) == ["image", "text"], let image = conditions["only:image"],
      let text = conditions["only:text"]
    else { return nil }
    let ofImages = probabilities(image).map(Self.prediction)
    let ofTexts = probabilities(text).map(Self.prediction)
    var pairs: [(row: Int, isText: Bool)] = []
    for swap in table.swaps {
      let predicted = probabilities(swap.scores).map(Self.prediction)
      for row in labels.indices {
        let other = swap.index[row]
        let (picture, words) = swap.modality == "image" ? (other, row) : (row, other)
        let (ofPicture, ofWords) = (labels[picture], labels[words])
        guard ofPicture != ofWords, ofImages[picture] == ofPicture, ofTexts[words] == ofWords,
          predicted[row] == ofPicture || predicted[row] == ofWords
        else { continue }
        pairs.append((row, predicted[row] == ofWords))
      }
    }
    let found = pairs
    guard !found.isEmpty else { return nil }
    var bootstrap = Bootstrap<String>(samples: table.rows)
    bootstrap.add(
      "text",
      [
        { weights in
          var (followed, total) = (0.0, 0.0)
          for pair in found {
            total += weights[pair.row]
            if pair.isText { followed += weights[pair.row] }
          }
          return total > 0 ? followed / total : nil
        }
      ])
    let share = bootstrap.estimates(replicates: replicates, seed: seed) { $0 }["text"]
    return share.map { .init(pairs: found.count, textShare: $0) }
  }
}
