import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Torch

/// Finds the samples whose pictures or sounds are nearly the same, for a split that is drawn.
///
/// Prints are compared as `check` compares them, so that what it would call a near-copy in two splits is kept in one.
struct Likeness {
  /// Where whoever else looks at the same files finds their prints.
  var prints = InputPrints()
  let settings: GuardSettings
  /// 0 takes one a core.
  let threads: Int
  let stop: StopFlag
  let events: EventSink

  /// For ``RawDataset/init(at:settings:for:alike:)``.
  var function: RawDataset.Likeness { { count, sample in try sets(count, sample) } }

  /// Files decoded at a time, and rows compared at a time.
  private static let portion = 256
  private static let block = 1024

  private func sets(_ count: Int, _ sample: (Int) -> RawSample) throws -> [[Int]] {
    var sets: [[Int]] = []
    for kind in [RawInput.Kind.image, .audio] {
      // The first place of each file; others of the same path are known to be the same.
      var seen: Set<String> = []
      var places: [Int] = []
      for place in 0..<count {
        let sample = sample(place)
        guard let path = kind == .image ? sample.image : sample.audio, seen.insert(path).inserted else { continue }
        places.append(place)
      }
      guard places.count > 1 else { continue }
      sets += try alike(places, kind, sample)
    }
    return sets
  }

  private func alike(_ places: [Int], _ kind: RawInput.Kind, _ sample: (Int) -> RawSample) throws -> [[Int]] {
    var rows: [(place: Int, steps: [Float])] = []
    for start in stride(from: 0, to: places.count, by: Self.portion) {
      if stop.isRequested { throw CancellationError() }
      let some = places[start..<min(start + Self.portion, places.count)].map { (place: $0, sample: sample($0)) }
      let found = try parallelMap(some.count, threads: threads) { [prints] in
        Self.steps(of: some[$0].sample, kind, prints)
      }
      for (one, steps) in zip(some, found) { if let steps { rows.append((one.place, steps)) } }
      events(
        .progress(
          label: kind == .image ? "Pictures" : "Sounds", done: start + some.count, total: places.count,
          detail: "compared by fingerprints, for the split"))
    }
    guard rows.count > 1, let width = rows.first?.steps.count else { return [] }
    let pairs = Double(rows.count) * Double(rows.count) / 2 * Double(width)
    guard pairs <= settings.work else { return Self.same(rows) }
    return try near(rows, kind == .image ? settings.nearPictures : settings.nearSounds)
  }

  /// nil for what cannot be read, and what has nothing to compare.
  private static func steps(of sample: RawSample, _ kind: RawInput.Kind, _ prints: InputPrints) -> [Float]? {
    guard let print = try? prints.print(of: sample, kind)?.get(), !print.isMissing else { return nil }
    return print.steps
  }

  /// Where there are too many to compare each with each: those that are the same to the last number.
  private static func same(_ prints: [(place: Int, steps: [Float])]) -> [[Int]] {
    Dictionary(grouping: prints, by: \.steps).values.filter { $0.count > 1 }.map { $0.map(\.place) }
      .sorted { $0[0] < $1[0] }
  }

  private func near(_ prints: [(place: Int, steps: [Float])], _ threshold: Double) throws -> [[Int]] {
    let all = try Tensor(prints.flatMap(\.steps), shape: [prints.count, prints[0].steps.count])
    let rows = try all * all.square().sum(1, keeping: true).clamped(min: 1e-24).reciprocalSquareRoot()
    var sets: [[Int]] = []
    for start in stride(from: 0, to: prints.count, by: Self.block) {
      if stop.isRequested { throw CancellationError() }
      let end = min(start + Self.block, prints.count)
      let mine = try rows.narrowed(0, from: start, length: end - start)
      for other in stride(from: start, to: prints.count, by: Self.block) {
        let last = min(other + Self.block, prints.count)
        let others = try rows.narrowed(0, from: other, length: last - other)
        let cosines = try mine.matmul(others.transposed())
        guard try other == start || cosines.max().scalar() >= threshold - 1e-5 else { continue }
        let values: [Float] = try cosines.array()
        for row in 0..<(end - start) {
          let base = row * (last - other)
          for column in 0..<(last - other)
          where other + column > start + row && Double(values[base + column]) >= threshold - 1e-5 {
            sets.append([prints[start + row].place, prints[other + column].place])
          }
        }
      }
    }
    return sets
  }
}
