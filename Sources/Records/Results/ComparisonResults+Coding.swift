extension ComparisonResults.Run {
  private enum CodingKeys: String, CodingKey {
    case seed, negativeTransfer, worseThanUnimodal, training, shapley, imbalance, seconds, validation
    // Those of `Work`, beside the others.
    case updates, samples, otherModels, otherUpdates
  }

  public init(from decoder: any Swift.Decoder) throws {
    let c = try decoder.container(keyedBy: CodingKeys.self)
    seed = try c.decode(Int.self, forKey: .seed)
    quantities = try Quantities(from: decoder)
    negativeTransfer = try c.decodeIfPresent(Bool.self, forKey: .negativeTransfer)
    worseThanUnimodal = try c.decodeIfPresent(Bool.self, forKey: .worseThanUnimodal)
    training = try c.decodeIfPresent([String: Double].self, forKey: .training) ?? [:]
    shapley = try c.decodeIfPresent([String: Double].self, forKey: .shapley) ?? [:]
    imbalance = try c.decodeIfPresent(Double.self, forKey: .imbalance)
    seconds = try c.decodeIfPresent(Double.self, forKey: .seconds)
    validation = try c.decodeIfPresent(ValidationScores.self, forKey: .validation)
    work = try c.decodeIfPresent(Int.self, forKey: .updates).map { updates in
      Work(
        updates: updates, samples: try c.decodeIfPresent(Int.self, forKey: .samples) ?? 0,
        otherModels: try c.decodeIfPresent(Int.self, forKey: .otherModels) ?? 0,
        otherUpdates: try c.decodeIfPresent(Int.self, forKey: .otherUpdates) ?? 0)
    }
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    try quantities.encode(to: encoder)
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(seed, forKey: .seed)
    try c.encodeIfPresent(negativeTransfer, forKey: .negativeTransfer)
    try c.encodeIfPresent(worseThanUnimodal, forKey: .worseThanUnimodal)
    if !training.isEmpty { try c.encode(training, forKey: .training) }
    if !shapley.isEmpty { try c.encode(shapley, forKey: .shapley) }
    try c.encodeIfPresent(imbalance, forKey: .imbalance)
    try c.encodeIfPresent(seconds, forKey: .seconds)
    try c.encodeIfPresent(validation, forKey: .validation)
    guard let work else { return }
    try c.encode(work.updates, forKey: .updates)
    try c.encode(work.samples, forKey: .samples)
    try c.encode(work.otherModels, forKey: .otherModels)
    try c.encode(work.otherUpdates, forKey: .otherUpdates)
  }
}

extension ComparisonResults.MethodRow {
  private enum CodingKeys: String, CodingKey {
    case name, settings, sees, runs, mean, interval95, shapley, imbalance, updates, seconds
  }

  public init(from decoder: any Swift.Decoder) throws {
    let c = try decoder.container(keyedBy: CodingKeys.self)
    name = try c.decode(String.self, forKey: .name)
    settings = try c.decodeIfPresent(Tree.self, forKey: .settings) ?? [:]
    sees = try c.decodeIfPresent([String].self, forKey: .sees) ?? MethodCard.clean
    runs = try c.decode([ComparisonResults.Run].self, forKey: .runs)
    mean = try c.decodeIfPresent(Quantities<Double>.self, forKey: .mean) ?? Quantities()
    interval95 = try c.decodeIfPresent(Quantities<Interval>.self, forKey: .interval95) ?? Quantities()
    shapley = try c.decodeIfPresent([String: Double].self, forKey: .shapley) ?? [:]
    imbalance = try c.decodeIfPresent(Double.self, forKey: .imbalance)
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(name, forKey: .name)
    try c.encode(settings, forKey: .settings)
    try c.encode(sees, forKey: .sees)
    try c.encode(runs, forKey: .runs)
    if !mean.isEmpty { try c.encode(mean, forKey: .mean) }
    if !interval95.isEmpty { try c.encode(interval95, forKey: .interval95) }
    if !shapley.isEmpty { try c.encode(shapley, forKey: .shapley) }
    try c.encodeIfPresent(imbalance, forKey: .imbalance)
    try c.encodeIfPresent(updates, forKey: .updates)
    try c.encodeIfPresent(seconds, forKey: .seconds)
  }
}
