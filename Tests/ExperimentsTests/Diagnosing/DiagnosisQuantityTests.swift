import Multimodal
import Records
import Testing

@testable import Experiments

struct DiagnosisQuantityTests {
  /// Two modalities: the model scores 0.9 with both, 0.8 with the first only, 0.6 with the second only, 0.5 with none.
  private static let means: [DiagnosisQuantity: Double] = [
    .score(Condition.full): 0.9, .score("image-missing"): 0.6, .score("text-missing"): 0.8, .chance: 0.5,
    .worth(0b00): 0.5, .worth(0b01): 0.8, .worth(0b10): 0.6, .worth(0b11): 0.9, .alone("image"): 0.85,
    .alone("text"): 0.75,
  ]

  private static let derived = DerivedQuantities(
    names: ["image", "text"], conditions: [Condition.full, "image-missing", "text-missing"],
    game: CoalitionGame(modalities: 2, samples: 100), order: [0, 1], best: 0)

  @Test("every quantity follows from the means as its definition says")
  func definitions() throws {
    let found = Self.derived(Self.means)
    func near(_ quantity: DiagnosisQuantity, _ value: Double) throws {
      #expect(abs(try found.known(quantity) - value) < 1e-12, "\(quantity)")
    }
    try near(.fullAboveChance, 0.4)
    try near(.transfer("image-missing"), -0.3)
    try near(.lost("image"), 0.3)
    try near(.lost("text"), 0.1)
    try near(.only("image"), 0.8)
    try near(.aloneAboveChance("text"), 0.25)
    try near(.unused("text"), 0.15)
    // Shapley values: the mean of what a modality adds to nothing and to the other.
    try near(.adds("image"), 0.3)
    try near(.adds("text"), 0.1)
    try near(.above(0), 0.2)
    try near(.behind(1), 0.2)
    try near(.modelGap, 0.2)
    try near(.dataGap, 0.1)
    try near(.trainingGap, 0.1)
    try near(.fused, 0.05)
    #expect(found[.worth(0b01)] == nil)
  }

  @Test("what a mean is missing for is left out, and asking for it is an error that names it")
  func missing() {
    var means = Self.means
    means[.worth(0b01)] = nil
    let found = Self.derived(means)
    #expect(found[.adds("text")] == nil && found[.modelGap] == nil)
    #expect(found[.lost("text")] != nil)
    let error = #expect(throws: Diagnosis.self) { try found.known(.adds("text")) }
    #expect(error?.what.contains("what 'text' adds to the score") == true)
    #expect(error?.exitStatus == .input)
  }
}
