public import Records

/// What is trained beside a language model's frozen weights.
public struct AdapterSettings: Sendable, Equatable, Codable {
  public enum Kind: String, SettingChoice {
    /// `LoRA`.
    case lora
    /// `MokA`.
    case moka
  }

  /// Which text tokens MokA's attention looks at.
  public enum Keys: String, SettingChoice {
    /// The instruction's.
    case question
    /// All of the prompt; never an answer's.
    case text
  }

  /// Where MokA's α/r is multiplied: the two public programs of its authors differ.
  public enum Scale: String, SettingChoice {
    /// Behind the attention, which sees products as they are.
    case after
    /// Before it, so that it sees (α/r)² times the products.
    case before
  }

  public var kind = Kind.lora
  /// r, the width between the two matrices.
  public var rank = 4
  /// α; what an adapter adds is multiplied by α/r.
  public var alpha = 16.0
  /// The share of inputs that are set to zero in training.
  public var dropout = 0.05
  /// λ of `MokA`: how much its attention counts.
  public var lambda = 1.0
  public var keys = Keys.question
  public var scale = Scale.after
  /// Whether the maps between tower and decoder are trained in full.
  public var trainsProjector = true

  public init() {}

  /// c = α/r.
  public var factor: Double { alpha / Double(rank) }

  /// - Throws: a `Diagnosis` that names the first number that cannot be.
  public func check() throws {
    func refuse(_ what: String) -> Diagnosis { Diagnosis(what, exitStatus: .usage) }
    guard (1...4096).contains(rank) else { throw refuse("the rank is \(rank), must be of 1…4096") }
    guard alpha.isFinite, alpha > 0 else { throw refuse("alpha is \(alpha), must be above 0") }
    guard dropout >= 0, dropout < 1 else { throw refuse("the dropout is \(dropout), must be at least 0 and below 1") }
    guard lambda.isFinite, lambda >= 0 else { throw refuse("lambda is \(lambda), must be at least 0") }
  }
}
