public import Records
public import Torch
public import TorchNN

/// A fusion that is chosen by name.
public protocol NamedFusion: Fusion, SendableMetatype {
  /// As `model.fusion` spells it.
  static var name: String { get }
  /// Whether its logits are a sum of one part a modality; ``Fusion/readouts(_:)`` then gives the parts.
  static var isAdditive: Bool { get }
  /// The fusion, whose parameters are made in the site's scope.
  ///
  /// The last layer's weight is `scope / "classifier"`, [C, …], where `seesaw gradients` looks for the number of classes.
  init(_ site: FusionSite) throws(TorchError)
}

extension NamedFusion {
  public static var isAdditive: Bool { false }
}

/// What a fusion is made from.
public struct FusionSite {
  /// Where parameters are made.
  public let scope: Scope
  /// H, of each modality's feature, in the model's order.
  public let widths: [Int]
  /// C, how many logits there are.
  public let classes: Int
  /// `model.fusion_rank`, for a fusion that has a rank.
  public let rank: Int

  public init(scope: Scope, widths: [Int], classes: Int, rank: Int) {
    self.scope = scope
    self.widths = widths
    self.classes = classes
    self.rank = rank
  }
}

/// Every fusion there is: those that come with Seesaw, and those that other packages register.
public enum FusionRegistry {
  /// A fusion's name, and how it is made.
  public struct Entry: Sendable {
    public let name: String
    /// Whether its logits are a sum of one part a modality.
    public let isAdditive: Bool
    private let make: @Sendable (FusionSite) throws(TorchError) -> any Fusion

    fileprivate init(
      _ form: FusionForm, isAdditive: Bool = false,
      _ make: @escaping @Sendable (FusionSite) throws(TorchError) -> any Fusion
    ) {
      name = form.rawValue
      self.isAdditive = isAdditive
      self.make = make
    }

    fileprivate init<Own: NamedFusion>(_ type: Own.Type) {
      name = type.name
      isAdditive = type.isAdditive
      make = { (site) throws(TorchError) in try Own(site) }
    }

    /// The fusion, whose parameters are made in the site's scope.
    public func callAsFunction(_ site: FusionSite) throws(TorchError) -> any Fusion { try make(site) }
  }

  /// In the order in which they are listed.
  public static var entries: [Entry] { registry.all }

  /// Makes a fusion known by its name, as a value of `model.fusion`.
  ///
  /// Any thread may register, before anything is trained, read or listed.
  ///
  /// - Throws: a `Diagnosis` where the name is taken, or cannot be typed as one word.
  public static func register<Own: NamedFusion>(_ type: Own.Type) throws {
    try registry.register(Entry(type))
    try FusionForm.names.register(type.name)
  }

  /// The fusion of that name.
  ///
  /// - Throws: `UnknownChoice`.
  public static func entry(_ form: FusionForm) throws -> Entry {
    guard let found = entries.first(where: { $0.name == form.rawValue }) else {
      throw UnknownChoice(found: form.rawValue, allowed: entries.map(\.name))
    }
    return found
  }

  /// How a model makes the fusion that its settings name.
  ///
  /// - Throws: `UnknownChoice`.
  package static func maker(
    _ settings: ModelSettings
  ) throws -> (Scope, [Int], Int) throws(TorchError) -> any Fusion {
    let entry = try entry(settings.fusion)
    return { (scope, widths, classes) throws(TorchError) in
      try entry(FusionSite(scope: scope, widths: widths, classes: classes, rank: settings.fusionRank))
    }
  }

  private static let registry = Registry(of: "a fusion", builtIn) { $0.name }

  private static let builtIn: [Entry] = [
    Entry(.concatenation, isAdditive: true) { (site) throws(TorchError) in
      try Concatenation(site.scope, widths: site.widths, classes: site.classes)
    },
    Entry(.addition, isAdditive: true) { (site) throws(TorchError) in
      try Addition(site.scope, widths: site.widths, classes: site.classes)
    },
    Entry(.attention) { (site) throws(TorchError) in
      try AttentionFusion(site.scope, widths: site.widths, classes: site.classes)
    },
    Entry(.crossAttention) { (site) throws(TorchError) in
      try CrossAttentionFusion(site.scope, widths: site.widths, classes: site.classes)
    },
    Entry(.gated) { (site) throws(TorchError) in
      try GatedFusion(site.scope, widths: site.widths, classes: site.classes)
    },
    Entry(.bilinear) { (site) throws(TorchError) in
      try BilinearFusion(site.scope, widths: site.widths, classes: site.classes, rank: site.rank)
    },
  ]
}
