public import Torch

/// The keys and values of the tokens that a decoder has read, by layer, and what those tokens are.
///
/// Keys are rotated already. The tensors are never written to, so that a copy costs next to nothing.
public final class KeyValueCache {
  /// Of each layer [B, key heads, S, head width].
  private var layers: [Int: (key: Tensor, value: Tensor)] = [:]
  /// What cross-attention looks at, by layer, and what of it is seen (`blip`).
  private var memory: [Int: (key: Tensor, value: Tensor)] = [:]
  private var memoryMask: Tensor?
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
    (copy.memory, copy.memoryMask) = (memory, memoryMask)
    return copy
  }

  /// The rows of those numbers, in that order; a row may be taken several times.
  public func selecting(rows: [Int]) throws(TorchError) -> KeyValueCache {
    let copy = KeyValueCache()
    copy.roles = rows.map { roles[$0] }
    copy.next = rows.map { next[$0] }
    copy.view = view
    // One row is the same memory for all.
    let index = batch == 1 ? nil : try Tensor(rows)
    func selected(_ tensor: Tensor) throws(TorchError) -> Tensor {
      guard let index else { return try tensor.expanded([rows.count] + tensor.shape.dropFirst()) }
      return try tensor.indexed(0, by: index.to(on: tensor.device))
    }
    for (layer, pair) in layers { copy.layers[layer] = (try selected(pair.key), try selected(pair.value)) }
    for (layer, pair) in memory { copy.memory[layer] = (try selected(pair.key), try selected(pair.value)) }
    copy.memoryMask = if let memoryMask { try selected(memoryMask) } else { nil }
    return copy
  }

  /// Keeps what cross-attention looks at; nil where it is left out.
  func hold(_ memory: [(key: Tensor, value: Tensor)]?, _ mask: Tensor?) {
    self.memory = Dictionary(uniqueKeysWithValues: (memory ?? []).enumerated().map { ($0.offset, $0.element) })
    memoryMask = mask
  }

  /// What ``hold(_:_:)`` has kept, of so many layers.
  func held(_ count: Int) -> (rows: [(key: Tensor, value: Tensor)]?, mask: Tensor?) {
    (memory.isEmpty ? nil : (0..<count).compactMap { memory[$0] }, memoryMask)
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
