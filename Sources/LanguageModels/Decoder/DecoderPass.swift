import Torch
public import TorchNN

/// One pass of a batch of tokens through a decoder's layers: where tokens stand, who looks at whom, who watches.
public struct DecoderPass {
  /// Of each row the role of each token; nil of what is filled up.
  public let roles: [[TokenRole?]]
  /// Of each row where the token after it stands.
  public let next: [Int]
  public let view: AttentionView
  /// What adapters are told: each token's `TokenRole.rawValue`, ``filler`` of what is filled up.
  public let tokens: ForwardPass
  private let rotation: RotaryTable?
  private let observer: PassObserver?
  /// What is seen, boolean [B, 1, L, S + L]; nil where all is, or all that came before.
  private let mask: Tensor?
  private let isCausal: Bool
  private let windows: [(layers: Range<Int>, mask: Tensor)]

  /// The group of what is filled up.
  public static let filler = UInt8.max

  /// How many tokens of each row are its own.
  public var lengths: [Int] { roles.map { $0.count { $0 != nil } } }

  /// - Parameters:
  ///   - roles: of each row, filled up with nil at the end to one length.
  ///   - positions: of each of the one or three rows of positions, of each sequence, as long as `roles`.
  ///   - cache: what has been read before.
  ///   - rotary: nil where positions are embedded otherwise.
  init(
    roles: [[TokenRole?]], positions: [[[Int]]], next: [Int], view: AttentionView, cache: KeyValueCache?,
    rotary: RotaryEmbedding?, type: ElementType, device: Device, observer: PassObserver?
  ) throws {
    self.roles = roles
    self.next = next
    self.view = view
    self.observer = observer
    tokens = ForwardPass(
      groups: roles.map { $0.map { $0?.rawValue ?? Self.filler } }, hidden: Set(view.hidden.map(\.rawValue)))
    rotation = try rotary.map { try $0.table(positions, type, on: device) }
    let length = roles.first?.count ?? 0
    let before = cache.map { $0.batch == 0 ? roles.map { _ in [] } : $0.roles } ?? roles.map { _ in [] }
    let edges = AttentionEdges(before: before, roles: roles, view: view)
    let isPlain = edges.isPlain
    isCausal = isPlain && before.allSatisfy(\.isEmpty) && length > 1
    mask = isPlain && (isCausal || length == 1) ? nil : try edges.mask(on: device)
    // A knockout of the prompt's last token does not reach the tokens after it.
    windows = try view.knockouts.map { ($0.layers, try edges.mask(cutting: $0, on: device)) }
  }

  /// Heads' rows [B, heads, L, e], rotated to where their tokens stand.
  func rotated(_ heads: Tensor) throws -> Tensor { try rotation.map { try $0(heads) } ?? heads }

  /// softmax(q kᵀ/√e + mask) v, [B, H, L, e], where each key's head serves H / K neighbouring queries' heads.
  func attention(_ query: Tensor, _ key: Tensor, _ value: Tensor, layer: Int) throws -> Tensor {
    let mask = try mask(layer)
    let size = query.shape
    let group = size[1] / key.shape[1]
    if let attention = observer?.attention {
      let weights = try weights(query, Self.repeated(key, group), mask)
      try attention(layer, weights)
      return try weights.to(value.elementType).matmul(Self.repeated(value, group))
    }
    if group > 1, mask == nil, !isCausal {
      // The queries of a group are rows of one product, so that no key is copied.
      let rows = try query.reshaped([size[0], key.shape[1], group * size[2], size[3]])
      return try rows.attention(key: key, value: value).reshaped(size)
    }
    return try query.attention(
      key: Self.repeated(key, group), value: Self.repeated(value, group), mask: mask, causal: mask == nil && isCausal)
  }

  /// What is seen in a layer; nil: everything, or everything before.
  private func mask(_ layer: Int) throws -> Tensor? {
    let cut = windows.filter { $0.layers.contains(layer) }.map(\.mask)
    guard let first = cut.first else { return mask }
    return try cut.dropFirst().reduce(first) { try $0.logicalAnd($1) }
  }

  func observe(_ layer: Int, _ x: Tensor) throws { try observer?.hidden?(layer, x) }

  private func weights(_ query: Tensor, _ key: Tensor, _ mask: Tensor?) throws -> Tensor {
    let exact: ElementType = query.elementType == .float64 ? .float64 : .float32
    var scores = try query.matmul(key.transposed(2, 3)).to(exact) / Double(query.shape[3]).squareRoot()
    if let mask { scores = try scores.maskedFill(mask.logicalNot(), -.infinity) }
    if mask == nil, isCausal {
      let places = try Tensor.arange(0..<query.shape[2], on: query.device)
      let later = try places.reshaped([1, -1]).greater(than: places.reshaped([-1, 1]))
      scores = try scores.maskedFill(later, -.infinity)
    }
    return try scores.softmax(-1)
  }

  /// Each head so many times in turn.
  private static func repeated(_ heads: Tensor, _ times: Int) throws(TorchError) -> Tensor {
    guard times > 1 else { return heads }
    let size = heads.shape
    return try heads.unsqueezed(2).expanded([size[0], size[1], times, size[2], size[3]])
      .reshaped([size[0], size[1] * times, size[2], size[3]])
  }
}

/// Which token of a batch may look at which, those in the cache among the latter.
struct AttentionEdges {
  let before: [[TokenRole?]]
  let roles: [[TokenRole?]]
  let view: AttentionView
  /// Whether a token sees those after it too, as in an encoder.
  var looksAhead = false

  /// Whether each token sees all before it: nothing is filled up and nothing hidden.
  ///
  /// What is filled up at the end of a row is after its tokens.
  var isPlain: Bool {
    let hides = { (role: TokenRole?) in role.map(view.hidden.contains) ?? false }
    return !before.contains { $0.contains { $0 == nil || hides($0) } } && !roles.contains { $0.contains(where: hides) }
  }

  func mask(cutting knockout: AttentionView.Knockout? = nil, on device: Device) throws -> Tensor {
    let (past, length) = (before.first?.count ?? 0, roles.first?.count ?? 0)
    var seen: [Bool] = []
    seen.reserveCapacity(roles.count * length * (past + length))
    for (before, roles) in zip(before, roles) {
      let keys = before + roles
      let last = past == 0 ? roles.lastIndex { $0 != nil } : nil
      for (place, query) in roles.enumerated() {
        let cuts = knockout.map { Self.isCut($0.queries, query, isLast: place == last, keys: $0.keys) } ?? false
        for (index, key) in keys.enumerated() {
          // A row that sees nothing would be no numbers at all.
          if index == past + place {
            seen.append(true)
            continue
          }
          guard index < past + place || looksAhead, let key else {
            seen.append(false)
            continue
          }
          let isHidden = view.hidden.contains(key) && !(query.map(view.hidden.contains) ?? false)
          seen.append(!isHidden && !(cuts && knockout?.keys.contains(key) == true))
        }
      }
    }
    return try Tensor(seen, shape: [roles.count, 1, length, past + length]).to(on: device)
  }

  private static func isCut(
    _ queries: AttentionView.Knockout.Queries, _ role: TokenRole?, isLast: Bool, keys: Set<TokenRole>
  ) -> Bool {
    switch queries {
    case .roles(let roles): role.map(roles.contains) ?? false
    case .last: isLast
    case .others: !(role.map(keys.contains) ?? false)
    }
  }
}
