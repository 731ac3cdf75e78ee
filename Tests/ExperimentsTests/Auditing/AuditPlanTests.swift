import Encoders
import Records
import Testing
import Torch

@testable import Experiments

/// Which requests an audit makes.
@Suite("Requests of an audit")
struct AuditPlanTests {
  private struct Source: AuditSource {
    var name = "made up"
    var modalities = ["image", "text"]
    var samples: AuditSamples
    var impairments = [["noisy"], ["noisy", "typos"]]
    var notes: [String] = []
    func write(_ shown: [AuditCell], into line: inout [UInt8]) {}
    func identify(_ shown: [AuditCell], into bytes: inout [UInt8]) {}
    func tensors(of modality: Int, _ shown: [AuditCell], as input: ModuleInput?) -> [Tensor] { [] }
    func release(_ shown: [AuditCell]) {}
  }

  private func source(_ count: Int, groups: [String]? = nil, modalities: [String] = ["image", "text"]) -> Source {
    Source(
      modalities: modalities,
      samples: AuditSamples(
        ids: (0..<count).map { "\($0)" }, classes: ["a", "b", "c"], labels: (0..<count).map { [$0 % 3] },
        isMultiLabel: false, groups: groups), impairments: modalities.map { _ in ["noisy"] })
  }

  @Test("conditions are named as in files, and what is the same is asked once")
  func columns() {
    var source = source(9)
    source.impairments = [["noisy"], ["noisy", "typos"]]
    let plan = AuditPlan(source, rows: Array(0..<9), AuditConditions(swaps: 2, grid: 3))
    #expect(
      plan.columns.map(\.key) == [
        "full", "missing:image", "missing:text", "absent:image", "absent:text", "only:image", "only:text", "none",
        "noisy:image", "noisy:text", "typos:text",
      ])
    let columns = Dictionary(uniqueKeysWithValues: plan.columns.map { ($0.key, $0.requests) })
    #expect(columns["absent:image"] == columns["only:text"])
    #expect(Set(columns["none"] ?? []).count == 1)
    // The grid's diagonal is what is asked anyway.
    let grid = plan.grid
    #expect(grid?.index.count == 3)
    #expect((0..<3).allSatisfy { grid?.requests[4 * $0] == columns["full"]?[grid?.index[$0] ?? 0] })
    #expect(plan.swaps.count == 6)
    #expect(plan.count <= 9 * 11 + 6 * 9 + 6)
  }

  @Test("of three modalities every set is asked")
  func sets() {
    let plan = AuditPlan(
      source(4, modalities: ["image", "text", "audio"]), rows: [0, 1, 2, 3], AuditConditions(swaps: 0))
    let keys = Set(plan.columns.map(\.key))
    #expect(keys.isSuperset(of: ["only:image+text", "only:image+audio", "only:text+audio", "none"]))
    #expect(plan.grid == nil)
  }

  @Test(
    "more than two modalities have a grid each: a row's own with the others of draws that are the same for all rows")
  func grids() throws {
    let plan = AuditPlan(
      source(8, modalities: ["image", "text", "audio"]), rows: Array(0..<8), AuditConditions(swaps: 0, grid: 5))
    let grids = try #require(plan.grids)
    #expect(grids.index.count == 5 && grids.partners.count == 5 && grids.requests.map(\.count) == [25, 25, 25])
    for modality in 0..<3 { #expect(grids.partners.map { $0[modality] }.sorted() == grids.index) }
    for (modality, requests) in grids.requests.enumerated() {
      for (cell, request) in requests.enumerated() {
        let shown = plan.shown(Int(request)).map { Int($0.row) }
        var expected = grids.partners[cell % 5]
        expected[modality] = grids.index[cell / 5]
        #expect(shown == expected)
      }
    }
  }

  @Test("partners are a permutation without fixed points; those that keep the class keep it")
  func partners() {
    let samples = source(90).samples
    for number in 0..<5 {
      let partners = AuditPartners.drawn(samples, seed: 1, stream: "\(number)", keepingClass: false)
      #expect(partners.sorted() == Array(0..<90))
      #expect(partners.enumerated().allSatisfy { $0 != $1 })
      let kept = AuditPartners.drawn(samples, seed: 1, stream: "\(number)", keepingClass: true)
      #expect(kept.sorted() == Array(0..<90))
      #expect(kept.enumerated().allSatisfy { $0 % 3 == $1 % 3 && $0 != $1 })
    }
  }

  @Test("nobody's partner is of the same group")
  func groups() {
    let groups = (0..<60).map { "\($0 / 6)" }
    let partners = AuditPartners.drawn(source(60, groups: groups).samples, seed: 0, stream: "", keepingClass: false)
    #expect(partners.enumerated().allSatisfy { groups[$0] != groups[$1] })
  }

  @Test("without some samples partners stay a permutation, and others keep theirs")
  func restricted() {
    let all = AuditPartners.drawn(source(30).samples, seed: 0, stream: "", keepingClass: false)
    let rows = (0..<30).filter { ![3, 4, 17].contains($0) }
    let some = AuditPartners.restricted(all, to: rows)
    #expect(some.sorted() == Array(0..<27))
    let kept = rows.enumerated().count { rows[some[$0]] == all[$1] }
    #expect(kept >= 24)
  }

  @Test("the same rows make the same plan, another seed another")
  func seeds() {
    func indices(_ seed: UInt64) -> [[Int]] {
      let plan = AuditPlan(source(20), rows: Array(0..<20), AuditConditions(swaps: 3, grid: 5, seed: seed))
      return plan.swaps.map(\.index) + [plan.grid?.index ?? []]
    }
    #expect(indices(1) == indices(1))
    #expect(indices(1) != indices(2))
  }
}
