import OwnMethod
import SeesawConformance
import Testing

@Suite("Tilt")
struct TiltTests {
  @Test("does what every method must do", arguments: Conformance.Rule.allCases)
  func conforms(_ rule: Conformance.Rule) throws { try Conformance.check(Tilt.self, rule) }
}
