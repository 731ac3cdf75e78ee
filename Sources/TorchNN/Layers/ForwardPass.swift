public import Torch

/// What layers are told of the tokens that pass through them, besides their numbers.
public final class ForwardPass {
  /// The group of each token of each row, [B][L], as the model's owner numbers groups; adapters of a group read it.
  public let groups: [[UInt8]]
  /// The groups that no token of another group may look at.
  public let hidden: Set<UInt8>
  private var derived: [String: Tensor] = [:]

  public init(groups: [[UInt8]] = [], hidden: Set<UInt8> = []) {
    self.groups = groups
    self.hidden = hidden
  }

  /// A tensor that is made of the groups once, for all layers of the pass.
  public func derived(_ name: String, _ make: () throws -> Tensor) rethrows -> Tensor {
    if let found = derived[name] { return found }
    let made = try make()
    derived[name] = made
    return made
  }
}
