import CTorch

/// Where processes that compute together find each other.
public final class ProcessStore: @unchecked Sendable {
  // A store of libtorch's may be asked by several threads.
  fileprivate let handle: OpaquePointer

  private init(_ call: (UnsafeMutablePointer<OpaquePointer?>) -> ctorch_status) throws(TorchError) {
    var out: OpaquePointer?
    guard call(&out) == 0, let out else { throw failure(ProcessGroup.operation, []) }
    handle = out
  }

  deinit { ctorch_store_free(handle) }

  /// Within this process, for members that are its threads.
  public static func inMemory() throws(TorchError) -> ProcessStore {
    try ProcessStore { ctorch_store_in_memory($0) }
  }

  /// In a file that all can write to, and that is not there before the first comes.
  public static func file(_ path: String, count: Int, seconds: Double) throws(TorchError) -> ProcessStore {
    try ProcessStore { ctorch_store_in_file(path, Int32(count), Int64(seconds * 1000), $0) }
  }

  /// At a port of a machine, which one process serves.
  public static func port(
    _ port: Int, of host: String, serving: Bool, count: Int, seconds: Double
  ) throws(TorchError) -> ProcessStore {
    try ProcessStore { ctorch_store_at(host, Int32(port), serving, Int32(count), Int64(seconds * 1000), $0) }
  }
}

/// Processes that compute together, each of which calls the same operations in the same order: c10d over Gloo, and through memory
/// where they share a machine (Linux).
///
/// Every operation waits for all, and throws where one of them is gone or silent for longer than the group waits; after that
/// the group is of no use any more.
public final class ProcessGroup: @unchecked Sendable {
  // Members call it from the one thread that computes.
  private let handle: OpaquePointer
  /// This one's number, from 0.
  public let rank: Int
  /// How many there are.
  public let count: Int
  /// Whether they exchange through memory instead of a network; all of them answer alike.
  public let sharesMemory: Bool
  /// How many multiplications a product has for each byte of its result, at least, to be shared out.
  ///
  /// A core does some 50 of them in a nanosecond, in which a network moves a byte and memory ten; half of what is gained may be
  /// lost again to waiting.
  let leastSaving: Int
  /// How many numbers a parameter has, at least, to be moved by each member in its own rows alone.
  package let leastNumbers: Int

  /// The operation that errors of a group name.
  public static let operation: StaticString = "exchange between processes"

  /// Joins the others.
  ///
  /// - Parameters:
  ///   - name: tells groups apart that use one store.
  ///   - address: whose network interface connections are over; nil: that of the machine's own name.
  ///   - interface: the name of that interface.
  ///   - seconds: how long an operation waits for the others.
  public convenience init(
    _ store: ProcessStore, name: String, rank: Int, count: Int, address: String? = nil, interface: String? = nil,
    seconds: Double = 1800
  ) throws(TorchError) {
    try self.init(
      store, name: name, rank: rank, count: count, address: address, interface: interface, seconds: seconds,
      sharesMemory: true, sharesAll: false)
  }

  /// - Parameters:
  ///   - sharesMemory: whether to exchange through memory where that can be.
  ///   - sharesAll: whether all that can be shared out is, whatever that costs.
  package init(
    _ store: ProcessStore, name: String, rank: Int, count: Int, address: String?, interface: String? = nil,
    seconds: Double, sharesMemory: Bool, sharesAll: Bool
  ) throws(TorchError) {
    var out: OpaquePointer?
    func join(_ address: UnsafePointer<CChar>?, _ interface: UnsafePointer<CChar>?) -> ctorch_status {
      ctorch_group_join(
        store.handle, name, Int32(rank), Int32(count), address, interface, Int64(seconds * 1000), sharesMemory, &out)
    }
    let status =
      interface.map { interface in interface.withCString { join(nil, $0) } }
      ?? address.map { address in address.withCString { join($0, nil) } } ?? join(nil, nil)
    guard status == 0, let out else { throw failure(Self.operation, []) }
    handle = out
    (self.rank, self.count) = (rank, count)
    self.sharesMemory = ctorch_group_shares_memory(handle)
    leastSaving = sharesAll ? 0 : self.sharesMemory ? 16 : 64
    leastNumbers = sharesAll ? 0 : 1 << 15
  }

  deinit { ctorch_group_free(handle) }

  /// Puts the sum over all members in a tensor's place, the same bits in each.
  public func sum(_ tensor: Tensor) throws(TorchError) {
    let near = try tensor.to(on: .cpu).contiguous()
    try done(Self.operation, [tensor], ctorch_group_sum(handle, near.handle))
    if !near.sharesStorage(with: tensor) { try tensor.copy(from: near) }
  }

  /// Puts one member's numbers in a tensor's place.
  public func broadcast(_ tensor: Tensor, from root: Int = 0) throws(TorchError) {
    let near = try tensor.to(on: .cpu).contiguous()
    try done(Self.operation, [tensor], ctorch_group_broadcast(handle, near.handle, Int32(root)))
    if !near.sharesStorage(with: tensor) { try tensor.copy(from: near) }
  }

  /// Fills tensors, of each of which this member has the rows of ``share(of:)``, with the other members' rows.
  ///
  /// They lie in a row of the processor's memory.
  package func fill(_ tensors: [Tensor]) throws(TorchError) {
    if tensors.isEmpty { return }
    try done(Self.operation, tensors, withHandles(tensors) { ctorch_group_fill(handle, $0, $1) })
  }

  /// The rows of all members in order, of which each has those of ``share(of:)``.
  ///
  /// No graph is recorded.
  public func gathered(_ part: Tensor, of rows: Int) throws(TorchError) -> Tensor {
    let own = share(of: rows)
    let whole = try Tensor.empty([rows] + part.shape.dropFirst(), part.elementType)
    try whole.narrowed(0, from: own.lowerBound, length: own.count).copy(from: part.detached())
    try fill([whole])
    return try whole.to(on: part.device)
  }

  /// Zeros in memory that all members have in common, [count]; nil, for all, where they share none or there is no room.
  package func zeros(_ count: Int, _ type: ElementType) throws(TorchError) -> Tensor? {
    var out: OpaquePointer?
    try done(Self.operation, [], ctorch_group_zeros(handle, Int64(count), type.rawValue, &out))
    return out.map { Tensor(owning: $0) }
  }

  /// Which of so many rows are this member's: as many as any other's, or one more.
  public func share(of rows: Int) -> Range<Int> {
    let (each, more) = rows.quotientAndRemainder(dividingBy: count)
    let start = rank * each + min(rank, more)
    return start..<(start + each + (rank < more ? 1 : 0))
  }

  /// Whether any member says so.
  public func any(_ isSo: Bool) throws(TorchError) -> Bool {
    let votes = try Tensor([isSo ? 1.0 : 0.0])
    try sum(votes)
    return try votes.scalar() > 0
  }

  /// Waits until all are here.
  public func meet() throws(TorchError) { _ = try any(false) }

  /// What each member says, in order.
  public func told(_ bytes: [UInt8]) throws(TorchError) -> [[UInt8]] {
    let lengths: [Int] = try gathered(Tensor([bytes.count]), of: count).array()
    let most = max(lengths.max() ?? 0, 1)
    let padded = bytes + [UInt8](repeating: 0, count: most - bytes.count)
    let all: [UInt8] = try gathered(Tensor(padded, shape: [1, most]), of: count).array()
    return lengths.enumerated().map { Array(all[($0.offset * most)..<($0.offset * most + $0.element)]) }
  }
}

extension Tensor {
  /// As ``batchNormalized(_:_:epsilon:)``, by the mean and the variance over the rows of all members of a group.
  ///
  /// Gradients of `weight` and `bias` are of the own rows alone.
  public func batchNormalized(
    _ weight: Tensor, _ bias: Tensor, epsilon: Double = 1e-5, over group: ProcessGroup
  ) throws(TorchError) -> (normalized: Tensor, mean: Tensor, variance: Tensor) {
    try group.batchNormalized(self, weight, bias, epsilon)
  }
}

extension ProcessGroup {
  fileprivate func batchNormalized(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor, _ epsilon: Double
  ) throws(TorchError) -> (normalized: Tensor, mean: Tensor, variance: Tensor) {
    var (mean, variance): (OpaquePointer?, OpaquePointer?)
    let normalized = try made(Self.operation, [x, weight, bias]) {
      ctorch_batch_norm_over(handle, x.handle, weight.handle, bias.handle, epsilon, $0, &mean, &variance)
    }
    guard let mean, let variance else { throw failure(Self.operation, [x]) }
    return (normalized, Tensor(owning: mean), Tensor(owning: variance))
  }
}

// MARK: - Products

extension MatrixProduct {
  /// Multiplications of the whole.
  private var work: Int { terms.reduce(0) { $0 + $1.left.shape[0] * $1.left.shape[1] * $1.right.shape[1] } }
  private var rows: Int { terms[0].left.shape[0] }
  private var columns: Int { terms[0].right.shape[1] }

  /// Whether a group is done sooner where each member computes some rows and all exchange them.
  ///
  /// The shapes alone say so, so that all members agree.
  private func pays(_ group: ProcessGroup) -> Bool {
    let bytes = rows * columns * terms[0].left.elementType.byteCount
    return rows >= group.count && terms[0].left.device == .cpu && work >= group.leastSaving * bytes
  }

  private func part(_ range: Range<Int>) throws(TorchError) -> MatrixProduct {
    var parts: [(left: Tensor, right: Tensor)] = []
    for (left, right) in terms {
      parts.append((try left.narrowed(0, from: range.lowerBound, length: range.count), right))
    }
    return MatrixProduct(parts, bias: bias)
  }

  /// The results of several; those that it pays for are shared out over a group's members by their rows.
  package static func results(
    _ products: [MatrixProduct], sharedBy group: ProcessGroup?
  ) throws(TorchError) -> [Tensor] {
    guard let group, products.contains(where: { $0.pays(group) }) else { return try results(products) }
    var targets: [Tensor] = []
    for product in products {
      let left = product.terms[0].left
      targets.append(try .empty([product.rows, product.columns], left.elementType, on: left.device))
    }
    try write(products, to: targets, sharedBy: group)
    return targets
  }

  /// Writes the results of several, each to its target, in one exchange for all that are shared out.
  private static func write(
    _ products: [MatrixProduct], to targets: [Tensor], sharedBy group: ProcessGroup
  ) throws(TorchError) {
    var own: [MatrixProduct] = []
    var places: [Tensor] = []
    var open: [Tensor] = []
    for (product, target) in zip(products, targets) {
      guard product.pays(group) else {
        own.append(product)
        places.append(target)
        continue
      }
      let rows = group.share(of: product.rows)
      own.append(try product.part(rows))
      places.append(try target.narrowed(0, from: rows.lowerBound, length: rows.count))
      open.append(target)
    }
    try write(own, to: places)
    try group.fill(open)
  }

  /// Writes the result to `target`, whose rows follow each other in memory, shared out where that pays.
  package func write(to target: Tensor, sharedBy group: ProcessGroup?) throws(TorchError) {
    guard let group, pays(group) else { return try write(to: target) }
    try Self.write([self], to: [target], sharedBy: group)
  }

  /// Whether `results(_:sharedBy:)` shares the product out.
  package func isShared(by group: ProcessGroup?) -> Bool { group.map(pays) ?? false }
}
