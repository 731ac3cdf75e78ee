public import Torch

/// The keys and values of the tokens that a decoder has read, by layer, and what those tokens are.
///
/// Keys are rotated already. The tensors are never written to, so that a copy costs next to nothing.
public final class KeyValueCache {
  /// Of each layer [B, key heads, S, head width].
  private var layers: [Int: (key: Tensor, value: Tensor)] = [:]
  /// Of each row the role of each token; nil of what was filled up.
  private(set) var roles: [[TokenRole?]] = []
  /// Of each row where the next token stands.
  private(set) var next: [Int] = []
  /// Who may look at whom, as the prompts were read.
  private(set) var view = AttentionView()

  public init() {}

  /// How many tokens of each row it holds, those that were filled up among them.
  public var length: Int { roles.first?.count ?? 0 }
  /// How many rows it holds.
  public var batch: Int { roles.count }

  /// One that grows on its own.
  public func copy() -> KeyValueCache {
    let copy = KeyValueCache()
    (copy.layers, copy.roles, copy.next, copy.view) = (layers, roles, next, view)
    return copy
  }

  /// The rows of those numbers, in that order; a row may be taken several times.
  public func selecting(rows: [Int]) throws(TorchError) -> KeyValueCache {
    let copy = KeyValueCache()
    copy.roles = rows.map { roles[$0] }
    copy.next = rows.map { next[$0] }
    copy.view = view
    // One row is the same memory for all.
    let isOne = batch == 1
    for (layer, (key, value)) in layers {
      if isOne {
        copy.layers[layer] = (
          try key.expanded([rows.count] + key.shape.dropFirst()),
          try value.expanded([rows.count] + value.shape.dropFirst())
        )
      } else {
        let index = try Tensor(rows).to(on: key.device)
        copy.layers[layer] = (try key.indexed(0, by: index), try value.indexed(0, by: index))
      }
    }
    return copy
  }

  /// The keys and values of a layer with those of further tokens, which it keeps.
  func append(_ key: Tensor, _ value: Tensor, layer: Int) throws(TorchError) -> (key: Tensor, value: Tensor) {
    var all = (key, value)
    if let (keys, values) = layers[layer] {
      all = (try Tensor.cat([keys, key], 2), try Tensor.cat([values, value], 2))
    }
    layers[layer] = all
    return all
  }

  /// Writes down which tokens a pass has read.
  func note(_ pass: DecoderPass) {
    roles = batch == 0 ? pass.roles : zip(roles, pass.roles).map { $0 + $1 }
    next = pass.next
    view = pass.view
  }
}
