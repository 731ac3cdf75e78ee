import Auditing
import Foundation
import Multimodal
import Records
import Testing

/// Data whose truth is known, drawn again and again: the findings behind the words must be right, and none may be raised of
/// labels that were permuted.
///
/// `make audit-coverage` draws 200 of each kind, the suite a few.
struct PlantedWordsTests {
  static let draws = ProcessInfo.processInfo.environment["SEESAW_AUDIT_DRAWS"].flatMap(Int.init) ?? 3

  /// What is drawn, what must be found, and what must not.
  struct Kind: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let draw: @Sendable (UInt64) -> Planted
    let expected: Set<AuditFinding>
    let forbidden: Set<AuditFinding>
    /// A model that is a sum of what each modality says, and is known to be.
    var parts = false
  }

  static let kinds = [
    Kind(
      testDescription: "only the image tells", draw: { .hints([0.85, 1.0 / 3], used: [true, false], seed: $0) },
      expected: [
        .informative("image"), .uninformative("text"), .unique("image"), .leans("image", by: .conflict),
        .ignores("text"),
        .addsUp,
      ],
      forbidden: [.unique("text"), .onlyTogether, .redundant, .unused("image"), .unused("text"), .combines]),
    Kind(
      testDescription: "both tell the same", draw: { .copies(seed: $0) },
      expected: [.informative("image"), .informative("text"), .redundant],
      forbidden: [
        .unique("image"), .unique("text"), .onlyTogether, .unused("image"), .unused("text"), .ignores("image"),
        .ignores("text"), .leans("image", by: .conflict), .leans("text", by: .conflict), .leans("image", by: .swap),
        .leans("text", by: .swap),
      ]),
    Kind(
      testDescription: "only both together tell", draw: { .exclusiveOr(seed: $0) },
      expected: [.onlyTogether, .combines, .uninformative("image"), .uninformative("text")],
      forbidden: [
        .unique("image"), .unique("text"), .redundant, .unused("image"), .unused("text"), .addsUp, .ignores("image"),
      ]),
    Kind(
      testDescription: "each tells one bit, and the model takes both", draw: { .twoBits(seed: $0) },
      expected: [.informative("image"), .informative("text"), .unique("image"), .unique("text")],
      forbidden: [.redundant, .unused("image"), .unused("text"), .ignores("image"), .ignores("text")]),
    Kind(
      testDescription: "each tells one bit, and the model takes the image's",
      draw: { seed in
        var planted = Planted.twoBits(seed: seed)
        let whole = planted.model
        planted.model = { whole([$0[0], nil]) }
        return planted
      },
      expected: [
        .unique("image"), .unique("text"), .unused("text"), .ignores("text"), .leans("image", by: .conflict), .addsUp,
      ],
      forbidden: [.unused("image"), .ignores("image"), .redundant, .combines]),
    Kind(
      testDescription: "only both together tell, and the fusion is a sum",
      draw: { seed in
        var planted = Planted.exclusiveOr(seed: seed)
        planted.alone = [{ $0 == 0 ? [0.6, 0.4] : [0.4, 0.6] }, { $0 == 0 ? [0.6, 0.4] : [0.4, 0.6] }]
        return planted
      },
      expected: [.onlyTogether, .cannotCombine, .lostInFusion], forbidden: [.combines, .addsUp, .redundant], parts: true
    ),
  ]

  private func findings(_ kind: Kind, seed: UInt64, permuted: Bool) throws -> Set<AuditFinding> {
    let planted = kind.draw(seed)
    var parts: [String: AnswerTable]?
    if kind.parts {
      parts = try Dictionary(
        uniqueKeysWithValues: Planted.modalities.enumerated().map { place, name in
          (
            name,
            try AnswerTable(
              rows: planted.rows, classes: planted.classes, kind: .logits,
              values: planted.symbols[place].flatMap { [Double($0), 0] })
          )
        })
    }
    let table = try planted.table(seed: seed, permuted: permuted, parts: parts)
    return Set(
      try Audit.measure(table, options: AuditOptions(seed: seed, replicates: 100, permutations: 60)).findings)
  }

  @Test("the findings are right of what was planted", arguments: kinds)
  func right(_ kind: Kind) throws {
    var wrong: [AuditFinding: Int] = [:]
    for seed in 0..<UInt64(Self.draws) {
      let found = try findings(kind, seed: seed, permuted: false)
      for finding in kind.expected where !found.contains(finding) { wrong[finding, default: 0] += 1 }
      for finding in kind.forbidden where found.contains(finding) { wrong[finding, default: 0] += 1 }
    }
    // One in twenty; of a few draws one may be wrong.
    let most = max(1, Self.draws / 20)
    for (finding, count) in wrong {
      let sentence = "\(finding) was wrong in \(count) of \(Self.draws) draws"
      #expect(count <= most, Comment(rawValue: sentence))
    }
  }

  @Test("permuted labels raise no claim about them", arguments: kinds)
  func permuted(_ kind: Kind) throws {
    var raised: [AuditFinding: Int] = [:]
    for seed in 0..<UInt64(Self.draws) {
      for finding in try findings(kind, seed: seed, permuted: true) where finding.isOfLabels {
        raised[finding, default: 0] += 1
      }
    }
    let most = max(1, Self.draws / 20)
    for (finding, count) in raised {
      #expect(count <= most, "\(finding) was raised in \(count) of \(Self.draws) draws")
    }
  }
}

extension AuditFinding {
  /// Whether it says something of the labels that permuted ones do not bear out.
  var isOfLabels: Bool {
    switch self {
    case .learnedNothing, .uninformative, .ignores, .cannotCombine: false
    default: true
    }
  }
}
