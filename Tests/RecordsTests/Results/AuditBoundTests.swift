import Records
import Testing

/// Bounds on an audit's numbers, and what continuous integration is told.
@Suite("Bounds of an audit")
struct AuditBoundTests {
  private static let record: Tree = [
    "scores": ["full": ["value": 0.9, "interval95": ["low": 0.8, "high": 0.95]], "missing:image": ["value": 0.5]],
    "worstRegret": 0.08, "usable": ["usedShare": ["image": 0.1, "text": 0.9]],
    "swap": ["image": ["drop": 0.02, "lean": -0.5], "text": ["drop": 0.4, "lean": 0.5]], "routing": ["lean": 0.3],
    "pid": ["synergy": 0.2, "model": ["synergy": 0.1]],
    "untold": [["measure": "emap", "needs": ["grid"]], ["measure": "cooperation", "needs": ["none", "only:image"]]],
    "samples": 100,
  ]

  private func state(_ text: String) throws -> AuditVerdict.State {
    try AuditBound(text).verdict(of: Self.record).state
  }

  @Test("a number is found by its path, by its words in any order, and by its shortest path")
  func found() throws {
    #expect(try state("worst_regret>0.05") == .met(0.08))
    #expect(try state("worstRegret > 0.1") == .unmet(0.08))
    #expect(try state("image.used_share<0.2") == .met(0.1))
    #expect(try state("usable.usedShare.text<0.2") == .unmet(0.9))
    #expect(try state("full<=0.9") == .met(0.9))
    #expect(try state("missing:image>=0.51") == .unmet(0.5))
    #expect(try state("synergy>0.15") == .met(0.2))
    #expect(try state("pid.model.synergy>0.15") == .unmet(0.1))
    #expect(try state("text.drop > -1e-3") == .met(0.4))
  }

  @Test("what is not one number is said to be none")
  func untold() throws {
    func reason(_ text: String) throws -> String {
      guard case .untold(let reason) = try state(text) else { return "" }
      return reason
    }
    #expect(try reason("drop>0") == "it may be swap.image.drop or swap.text.drop")
    #expect(try reason("cooperation>0") == "it could not be told: it needs none, only:image")
    #expect(try reason("worst_regrets>0").contains("did you mean 'worstRegret'?"))
    let diagnosis = try #require(AuditVerdict.diagnosis(of: [AuditBound("drop>0").verdict(of: Self.record)]))
    #expect(diagnosis.exitStatus == .failed)
  }

  @Test("what is no bound is refused", arguments: ["worst_regret", ">0.05", "a>", "a>b", "a=3", "a<nan", ""])
  func refused(_ text: String) { #expect(throws: Diagnosis.self) { try AuditBound(text) } }

  @Test("a bound that is met ends with a status of its own, others with none")
  func verdicts() throws {
    let bounds = try ["worst_regret>0.05", "full<0.5"].map(AuditBound.init)
    let verdicts = bounds.map { $0.verdict(of: Self.record) }
    let diagnosis = try #require(AuditVerdict.diagnosis(of: verdicts))
    #expect(diagnosis.exitStatus.rawValue == 2)
    #expect(diagnosis.found == ["worst_regret>0.05: it is 0.08"])
    #expect(AuditVerdict.diagnosis(of: [verdicts[1]]) == nil)
  }

  @Test("the JUnit report has a test for each bound, and no markup out of a name")
  func junit() throws {
    let bounds = try ["worst_regret>0.05", "full<0.5", "nothing<1"].map(AuditBound.init)
    let xml = JUnitReport(name: "a<b>&\"\u{1}", verdicts: bounds.map { $0.verdict(of: Self.record) }).xml
    #expect(xml.contains(#"tests="3" failures="1" errors="1""#))
    #expect(
      xml.contains(#"name="worst_regret&gt;0.05"><failure message="worst_regret&gt;0.05: it is 0.08"/></testcase>"#))
    #expect(xml.contains(#"name="full&lt;0.5"/>"#))
    #expect(xml.contains("a&lt;b&gt;&amp;&quot;\u{FFFD}") && !xml.contains("a<b>"))
  }
}
