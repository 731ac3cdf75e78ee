import Foundation
import Multimodal
import Torch

/// For each held-out row the row of another split that is most like it: in every modality at once, and in each alone.
///
/// Rows are compared in blocks, so that memory does not grow with the square of their number. A row of validation is
/// compared with training, a row of the test split with both.
struct NearestMatches {
  struct Match {
    let row: Int
    let other: Int
    /// The cosine; of several modalities the smallest.
    let similarity: Double
  }

  /// Near-identical in every modality; what is missing on both sides counts as the same.
  private(set) var whole: [Match] = []
  /// By channel; rows that miss it are left out.
  private(set) var alone: [[Match]]
  /// How many held-out rows were compared, of how many.
  private(set) var compared = 0
  private(set) var heldOut = 0

  private static let block = 1024
  private static let portion = 4096

  init(_ samples: GuardedSamples, _ settings: GuardSettings) throws {
    alone = samples.channels.map { _ in [] }
    let ranges = samples.splits.indices.map(samples.range)
    let width = samples.channels.reduce(0) { $0 + $1.width }
    let pairs = ranges.indices.dropFirst().reduce(0.0) { $0 + Double(ranges[$1].count) * Double(ranges[$1].lowerBound) }
    heldOut = ranges.dropFirst().reduce(0) { $0 + $1.count }
    guard heldOut > 0, width > 0 else { return }
    let share = min(1, settings.work / (pairs * Double(width)))
    guard share == 1 || share * Double(heldOut) >= Double(settings.fewestCompared) else { return }
    for range in ranges.dropFirst() where !range.isEmpty {
      var rows = Array(range)
      if share < 1 {
        var numbers = SeededNumbers(seed: settings.seed, stream: "guard/\(range.lowerBound)")
        let count = max(1, Int(share * Double(range.count)))
        rows = numbers.sample(count, of: range.count).sorted().map { range.lowerBound + $0 }
      }
      compared += rows.count
      for start in stride(from: 0, to: rows.count, by: Self.block) {
        try compare(Array(rows[start..<min(start + Self.block, rows.count)]), with: 0..<range.lowerBound, samples)
      }
    }
  }

  /// Puts the rows before `start` after the others.
  mutating func putLast(before start: Int) {
    func sorted(_ matches: [Match]) -> [Match] {
      matches.filter { $0.row >= start } + matches.filter { $0.row < start }
    }
    whole = sorted(whole)
    alone = alone.map(sorted)
  }

  private mutating func compare(_ rows: [Int], with others: Range<Int>, _ samples: GuardedSamples) throws {
    let span = rows[0]..<(rows[rows.count - 1] + 1)
    let mine = try samples.channels.map { channel in
      if span.count == rows.count { return try Self.marked(channel, span) }
      return try Tensor.cat(rows.map { try Self.marked(channel, $0..<($0 + 1)) }, 0)
    }
    var best = rows.map { _ in (other: -1, margin: -Double.infinity) }
    var bestAlone = samples.channels.map { _ in best }
    for start in stride(from: others.lowerBound, to: others.upperBound, by: Self.portion) {
      let portion = start..<min(start + Self.portion, others.upperBound)
      var least: Tensor?
      for (number, channel) in samples.channels.enumerated() {
        // How far above the threshold, so that one minimum serves all modalities.
        let margins = try mine[number].matmul(Self.marked(channel, portion).transposed()) - channel.threshold
        try Self.keep(&bestAlone[number], margins, from: start)
        least = try least.map { try $0.minimum(margins) } ?? margins
      }
      if let least { try Self.keep(&best, least, from: start) }
    }
    for (place, row) in rows.enumerated() {
      func match(_ found: (other: Int, margin: Double), _ threshold: Double) -> Match? {
        // Sums of float32 fall short of 1 in the seventh digit.
        guard found.other >= 0, found.margin >= -1e-5 else { return nil }
        return Match(row: row, other: found.other, similarity: min(1, found.margin + threshold))
      }
      let lowest = samples.channels.map(\.threshold).min() ?? 0
      if samples.channels.contains(where: { !$0.missing[row] }), let match = match(best[place], lowest) {
        whole.append(match)
      }
      for (number, channel) in samples.channels.enumerated() where !channel.missing[row] {
        if let match = match(bestAlone[number][place], channel.threshold) { alone[number].append(match) }
      }
    }
  }

  private static func keep(_ best: inout [(other: Int, margin: Double)], _ margins: Tensor, from start: Int) throws {
    let values: [Double] = try margins.max(1).array()
    guard zip(values, best).contains(where: { $0 > $1.margin }) else { return }
    let places: [Int] = try margins.argmax(1).array()
    for (row, value) in values.enumerated() where value > best[row].margin {
      best[row] = (start + places[row], value)
    }
  }

  /// A channel's vectors with one more column, 1 where there is nothing: nothing is like nothing, and like nothing else.
  private static func marked(_ channel: GuardedSamples.Channel, _ rows: Range<Int>) throws -> Tensor {
    let present = rows.map { Float(channel.missing[$0] ? 0 : 1) }
    let keep = try Tensor(present, shape: [rows.count, 1])
    return try Tensor.cat([channel.vectors(rows) * keep, 1 - keep], 1)
  }
}
