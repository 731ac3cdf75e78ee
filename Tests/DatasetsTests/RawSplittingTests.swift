import Testing

@testable import Datasets

@Suite struct RawSplittingTests {
  private let ids = (0..<1000).map { "id\($0)" }
  private let strata = (0..<1000).map { $0 % 10 < 7 ? "a" : $0 % 10 < 9 ? "b" : "c" }

  private func count(_ splits: [RawSplit], _ strata: [String]) -> [String: [RawSplit: Int]] {
    var counts: [String: [RawSplit: Int]] = [:]
    for (split, stratum) in zip(splits, strata) { counts[stratum, default: [:]][split, default: 0] += 1 }
    return counts
  }

  @Test("7, 1 and 2 of ten go to training, validation and testing, in every class")
  func shares() {
    let counts = count(RawSplitting.splits(ids: ids, strata: strata, settings: .init()), strata)
    for (name, size) in [("a", 700), ("b", 200), ("c", 100)] {
      #expect(abs((counts[name]?[.train] ?? 0) - size * 7 / 10) <= 1)
      #expect(abs((counts[name]?[.validation] ?? 0) - size / 10) <= 1)
      #expect(abs((counts[name]?[.test] ?? 0) - size * 2 / 10) <= 1)
    }
  }

  @Test("the split follows the id, not the order of the rows; another seed is another split")
  func order() {
    let splits = RawSplitting.splits(ids: ids, strata: strata, settings: .init())
    let reversed = RawSplitting.splits(ids: ids.reversed(), strata: strata.reversed(), settings: .init())
    #expect(splits == reversed.reversed())
    var other = RawDatasetSettings()
    other.splitSeed = 1
    #expect(splits != RawSplitting.splits(ids: ids, strata: strata, settings: other))
  }

  @Test("a class of one sample is in training")
  func rare() {
    let strata = (0..<60).map { $0 < 40 ? "common" : "rare\($0)" }
    let splits = RawSplitting.splits(ids: Array(ids.prefix(60)), strata: strata, settings: .init())
    #expect(splits[40...].allSatisfy { $0 == .train })
    #expect(splits[..<40].contains(.test))
  }

  @Test("a group is never divided, and the shares are kept")
  func groups() {
    let groups = (0..<1000).map { $0 < 900 ? "film \($0 / 9)" : nil }
    let splits = RawSplitting.splits(ids: ids, strata: strata, groups: groups, settings: .init())
    let halves = Dictionary(grouping: ids.indices, by: { groups[$0] ?? "alone \($0)" })
    #expect(halves.values.allSatisfy { rows in Set(rows.map { splits[$0] }).count == 1 })
    #expect(abs(splits.count { $0 == .test } - 200) < 30)
    #expect(abs(splits.count { $0 == .validation } - 100) < 30)
    #expect(splits == RawSplitting.splits(ids: ids, strata: strata, groups: groups, settings: .init()))
  }

  @Test("other shares are kept")
  func otherShares() {
    var settings = RawDatasetSettings()
    (settings.validationShare, settings.testShare) = (0, 0.5)
    let splits = RawSplitting.splits(ids: ids, strata: strata, settings: settings)
    #expect(!splits.contains(.validation))
    #expect(abs(splits.count { $0 == .test } - 500) <= 2)
  }
}
