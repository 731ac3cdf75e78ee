public import Torch

/// Who may look at whom in a pass, beyond that nobody looks ahead.
public struct AttentionView: Sendable, Equatable {
  /// Edges that are cut in a window of layers.
  public struct Knockout: Sendable, Equatable {
    /// The tokens that look.
    public enum Queries: Sendable, Equatable {
      case roles(Set<TokenRole>)
      /// The last token of each prompt.
      case last
      /// All whose roles are not among the keys'.
      case others
    }
    /// The roles that are not seen.
    public var keys: Set<TokenRole>
    public var queries: Queries
    public var layers: Range<Int>

    public init(keys: Set<TokenRole>, queries: Queries, layers: Range<Int>) {
      self.keys = keys
      self.queries = queries
      self.layers = layers
    }
  }

  /// Roles whose tokens no token of another role sees, in every layer; positions stay as they are.
  public var hidden: Set<TokenRole>
  public var knockouts: [Knockout]

  public init(hidden: Set<TokenRole> = [], knockouts: [Knockout] = []) {
    self.hidden = hidden
    self.knockouts = knockouts
  }
}

/// Is shown what a pass computes on its way.
public struct PassObserver {
  /// The layer's number and its attention weights, [B, heads, L, S + L], where S tokens are in the cache.
  public var attention: ((Int, Tensor) throws -> Void)?
  /// What goes into the first layer as 0, and what layer n gives as n + 1, before the last norm: [B, L, width].
  public var hidden: ((Int, Tensor) throws -> Void)?

  public init(
    attention: ((Int, Tensor) throws -> Void)? = nil, hidden: ((Int, Tensor) throws -> Void)? = nil
  ) {
    self.attention = attention
    self.hidden = hidden
  }
}
