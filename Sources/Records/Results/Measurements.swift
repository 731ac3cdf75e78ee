/// What one step measured: a line of `steps.jsonl`.
///
/// A number that is not finite is written as `null` and read back as not-a-number.
public struct StepRow: Codable, Equatable, Sendable {
  /// Of the whole run, from 0.
  public var step: Int
  /// From 0.
  public var epoch: Int
  /// By name, as `total` and `image`.
  public var losses: [String: Double]
  /// Whatever else the method tells: weights, cosine, norms.
  public var scalars: [String: Double]

  public init(step: Int, epoch: Int, losses: [String: Double], scalars: [String: Double] = [:]) {
    self.step = step
    self.epoch = epoch
    self.losses = losses
    self.scalars = scalars
  }

  private enum CodingKeys: String, CodingKey { case step, epoch, losses, scalars }

  public init(from decoder: any Swift.Decoder) throws {
    let c = try decoder.container(keyedBy: CodingKeys.self)
    step = try c.decode(Int.self, forKey: .step)
    epoch = try c.decode(Int.self, forKey: .epoch)
    losses = try c.decode([String: Measured].self, forKey: .losses).mapValues(\.value)
    scalars = try c.decodeIfPresent([String: Measured].self, forKey: .scalars)?.mapValues(\.value) ?? [:]
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(step, forKey: .step)
    try c.encode(epoch, forKey: .epoch)
    try c.encode(losses.mapValues(Measured.init), forKey: .losses)
    if !scalars.isEmpty { try c.encode(scalars.mapValues(Measured.init), forKey: .scalars) }
  }

  /// What `encode` writes.
  var tree: Tree {
    var table: [String: Tree] = [
      "step": .int(step), "epoch": .int(epoch), "losses": .table(losses.mapValues { .number($0) }),
    ]
    if !scalars.isEmpty { table["scalars"] = .table(scalars.mapValues { .number($0) }) }
    return .table(table)
  }
}

/// What one epoch measured: a line of `epochs.jsonl`.
public struct EpochRow: Codable, Equatable, Sendable {
  /// From 0.
  public var epoch: Int
  /// Means over the epoch's steps, by name.
  public var train: [String: Double]
  /// Scores and losses on the validation split, by name; empty where there is none.
  public var validation: [String: Double]
  public var seconds: Double

  public init(epoch: Int, train: [String: Double], validation: [String: Double] = [:], seconds: Double) {
    self.epoch = epoch
    self.train = train
    self.validation = validation
    self.seconds = seconds
  }

  private enum CodingKeys: String, CodingKey { case epoch, train, validation, seconds }

  public init(from decoder: any Swift.Decoder) throws {
    let c = try decoder.container(keyedBy: CodingKeys.self)
    epoch = try c.decode(Int.self, forKey: .epoch)
    train = try c.decode([String: Measured].self, forKey: .train).mapValues(\.value)
    validation = try c.decodeIfPresent([String: Measured].self, forKey: .validation)?.mapValues(\.value) ?? [:]
    seconds = try c.decode(Double.self, forKey: .seconds)
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(epoch, forKey: .epoch)
    try c.encode(train.mapValues(Measured.init), forKey: .train)
    if !validation.isEmpty { try c.encode(validation.mapValues(Measured.init), forKey: .validation) }
    try c.encode(seconds, forKey: .seconds)
  }
}

/// A number that JSON may have no word for.
private struct Measured: Codable {
  let value: Double
  init(_ value: Double) { self.value = value }

  init(from decoder: any Swift.Decoder) throws {
    let c = try decoder.singleValueContainer()
    value = c.decodeNil() ? .nan : try c.decode(Double.self)
  }

  func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.singleValueContainer()
    if value.isFinite { try c.encode(value) } else { try c.encodeNil() }
  }
}
