import Testing

@testable import Datasets

@Suite struct RawSplittingTests {
  private let ids = (0..<1000).map { "id\($0)" }
  private let strata = (0..<1000).map { $0 % 10 < 7 ? "a" : $0 % 10 < 9 ? "b" : "c" }

  private func splits(
    _ ids: [String], _ strata: [String], groups: [String?]? = nil, settings: RawDatasetSettings = .init()
  ) -> [RawSplit] {
    RawSplitting.splits(count: ids.count, settings: settings) {
      .init(id: ids[$0], stratum: strata[$0], group: groups?[$0])
    }
  }

  private func count(_ splits: [RawSplit], _ strata: [String]) -> [String: [RawSplit: Int]] {
    var counts: [String: [RawSplit: Int]] = [:]
    for (split, stratum) in zip(splits, strata) { counts[stratum, default: [:]][split, default: 0] += 1 }
    return counts
  }

  @Test("7, 1 and 2 of ten go to training, validation and testing, in every class")
  func shares() {
    let counts = count(self.splits(ids, strata), strata)
    for (name, size) in [("a", 700), ("b", 200), ("c", 100)] {
      #expect(abs((counts[name]?[.train] ?? 0) - size * 7 / 10) <= 1)
      #expect(abs((counts[name]?[.validation] ?? 0) - size / 10) <= 1)
      #expect(abs((counts[name]?[.test] ?? 0) - size * 2 / 10) <= 1)
    }
  }

  @Test("the split follows the id, not the order of the rows; another seed is another split")
  func order() {
    let splits = self.splits(ids, strata)
    let reversed = self.splits(ids.reversed(), strata.reversed())
    #expect(splits == reversed.reversed())
    var other = RawDatasetSettings()
    other.splitSeed = 1
    #expect(splits != self.splits(ids, strata, settings: other))
  }

  @Test("a class of one sample is in training")
  func rare() {
    let strata = (0..<60).map { $0 < 40 ? "common" : "rare\($0)" }
    let splits = self.splits(Array(ids.prefix(60)), strata)
    #expect(splits[40...].allSatisfy { $0 == .train })
    #expect(splits[..<40].contains(.test))
  }

  @Test("a group is never divided, and the shares are kept")
  func groups() {
    let groups = (0..<1000).map { $0 < 900 ? "film \($0 / 9)" : nil }
    let splits = self.splits(ids, strata, groups: groups)
    let halves = Dictionary(grouping: ids.indices, by: { groups[$0] ?? "alone \($0)" })
    #expect(halves.values.allSatisfy { rows in Set(rows.map { splits[$0] }).count == 1 })
    #expect(abs(splits.count { $0 == .test } - 200) < 30)
    #expect(abs(splits.count { $0 == .validation } - 100) < 30)
    #expect(splits == self.splits(ids, strata, groups: groups))
  }

  @Test("other shares are kept")
  func otherShares() {
    var settings = RawDatasetSettings()
    (settings.validationShare, settings.testShare) = (0, 0.5)
    let splits = self.splits(ids, strata, settings: settings)
    #expect(!splits.contains(.validation))
    #expect(abs(splits.count { $0 == .test } - 500) <= 2)
  }
}
