import Multimodal
import Records

/// A number that a diagnosis estimates.
enum DiagnosisQuantity: Hashable, Sendable {
  // Measured, once for each model.

  /// The score under a condition.
  case score(String)
  /// The calibration error under a condition.
  case calibrationError(String)
  /// Mean confidence less the share that was right, under a condition.
  case overconfidence(String)
  /// The score with a set of modalities there: modality m where bit m is set.
  case worth(UInt64)
  /// The score of models that were trained on a modality alone.
  case alone(String)
  /// The score of the best constant prediction.
  case chance
  /// The score of a linear probe on a modality's embedding.
  case probe(String)

  // Made of what is measured.

  /// Full score less that of a constant prediction.
  case fullAboveChance
  /// The score under a condition less the full one.
  case transfer(String)
  /// The full score less that with a modality missing.
  case lost(String)
  /// The score with only a modality there.
  case only(String)
  /// The score of models of a modality alone, less that of a constant prediction.
  case aloneAboveChance(String)
  /// The score of models of a modality alone, less this model's with only that modality there.
  case unused(String)
  /// A modality's Shapley value.
  case adds(String)
  /// What the first n + 1 modalities add on average, above the mean of the others.
  case above(Int)
  /// What the first modality adds, less what the one at place n adds.
  case behind(Int)
  /// The gap between the first and the last modality: in the model, between models of each alone, and the rest.
  case modelGap, dataGap, trainingGap
  /// The full score less that of models of the best modality alone.
  case fused

  /// What the quantity is, for a sentence.
  var words: String {
    switch self {
    case .score(let condition): "the score under '\(condition)'"
    case .calibrationError(let condition): "the calibration error under '\(condition)'"
    case .overconfidence(let condition): "the overconfidence under '\(condition)'"
    case .worth: "the score with some modalities there"
    case .alone(let name), .aloneAboveChance(let name): "the score of models of '\(name)' alone"
    case .chance: "the score of a constant prediction"
    case .probe(let name): "the score of a linear probe of '\(name)'"
    case .fullAboveChance: "the score above that of a constant prediction"
    case .transfer(let condition): "the change of the score under '\(condition)'"
    case .lost(let name): "what is lost without '\(name)'"
    case .only(let name), .unused(let name): "the score with only '\(name)' there"
    case .adds(let name): "what '\(name)' adds to the score"
    case .above, .behind: "how unevenly the modalities add to the score"
    case .modelGap, .dataGap, .trainingGap: "the gap between the modalities"
    case .fused: "the score above that of the best modality alone"
    }
  }
}

extension Dictionary where Key == DiagnosisQuantity {
  /// The value of a quantity that must be there.
  ///
  /// - Throws: ``Diagnosis`` where the test samples do not define it, as an AUROC of one class.
  func known(_ quantity: DiagnosisQuantity) throws -> Value {
    if let value = self[quantity] { return value }
    throw Diagnosis(
      "the test split does not define what the diagnosis needs: \(quantity.words)",
      remedy: "add test samples; every class is needed among them", exitStatus: .input)
  }

  /// The values of one kind of quantity, by name.
  func known(_ names: [String], _ quantity: (String) -> DiagnosisQuantity) throws -> [String: Value] {
    try [String: Value](names.map { ($0, try known(quantity($0))) }, uniquingKeysWith: { first, _ in first })
  }
}

/// Everything of a diagnosis that is made of its measures' means.
struct DerivedQuantities {
  let names: [String]
  let conditions: [String]
  let game: CoalitionGame
  /// The modalities' places, what adds most first.
  let order: [Int]
  /// The place of the modality that is best alone.
  let best: Int

  /// The means, and what follows from them; a quantity is left out where a mean is not there.
  func callAsFunction(_ means: [DiagnosisQuantity: Double]) -> [DiagnosisQuantity: Double] {
    var out = means.filter { if case .worth = $0.key { false } else { true } }
    guard let full = means[.score(Condition.full)], let chance = means[.chance] else { return out }
    out[.fullAboveChance] = full - chance
    for condition in conditions where condition != Condition.full {
      out[.transfer(condition)] = means[.score(condition)].map { $0 - full }
    }
    for (place, name) in names.enumerated() {
      let (only, alone) = (means[.worth(1 << UInt64(place))], means[.alone(name)])
      out[.lost(name)] = means[.score("\(name)-\(Condition.missing)")].map { full - $0 }
      out[.only(name)] = only
      out[.aloneAboveChance(name)] = alone.map { $0 - chance }
      out[.unused(name)] = alone.flatMap { alone in only.map { alone - $0 } }
    }
    let adds = game.values { means[.worth($0)] ?? .nan }
    for (name, value) in zip(names, adds) where value.isFinite { out[.adds(name)] = value }
    let ranked = order.map { adds[$0] }
    func mean(_ values: ArraySlice<Double>) -> Double { values.reduce(0, +) / Double(values.count) }
    for place in 0..<(ranked.count - 1) where ranked.allSatisfy(\.isFinite) {
      out[.above(place)] = mean(ranked[...place]) - mean(ranked[(place + 1)...])
      out[.behind(place + 1)] = ranked[0] - ranked[place + 1]
    }
    let (strong, weak) = (names[order[0]], names[order[order.count - 1]])
    if let a = out[.only(strong)], let b = out[.only(weak)], let c = out[.alone(strong)], let d = out[.alone(weak)] {
      out[.modelGap] = a - b
      out[.dataGap] = c - d
      out[.trainingGap] = (a - b) - (c - d)
    }
    out[.fused] = out[.alone(names[best])].map { full - $0 }
    return out
  }
}
