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

/// Processes that compute together, each of which calls the same operations in the same order: c10d over Gloo.
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
  /// How many multiplications a shared product saves a member for each byte that it exchanges, at least.
  ///
  /// A core does some 30 of them in a nanosecond, in which a network, or the memory between two processes, moves a byte; half of
  /// what is gained may be lost again to waiting.
  let leastSaving: Int

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
      leastSaving: 64)
  }

  /// - Parameter leastSaving: with 0 every product is shared, whatever that costs.
  package init(
    _ store: ProcessStore, name: String, rank: Int, count: Int, address: String?, interface: String? = nil,
    seconds: Double, leastSaving: Int
  ) throws(TorchError) {
    var out: OpaquePointer?
    func join(_ address: UnsafePointer<CChar>?, _ interface: UnsafePointer<CChar>?) -> ctorch_status {
      ctorch_group_join(
        store.handle, name, Int32(rank), Int32(count), address, interface, Int64(seconds * 1000), &out)
    }
    let status =
      interface.map { interface in interface.withCString { join(nil, $0) } }
      ?? address.map { address in address.withCString { join($0, nil) } } ?? join(nil, nil)
    guard status == 0, let out else { throw failure(Self.operation, []) }
    handle = out
    (self.rank, self.count, self.leastSaving) = (rank, count, leastSaving)
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

  /// The rows of all members in order, of which each has those of ``share(of:)``.
  ///
  /// No graph is recorded.
  public func gathered(_ part: Tensor, of rows: Int) throws(TorchError) -> Tensor {
    let size = (rows + count - 1) / count
    var near = try part.detached().to(on: .cpu)
    // All send as many.
    if near.shape[0] < size {
      near = try .cat([near, .zeros([size - near.shape[0]] + near.shape.dropFirst(), near.elementType)], 0)
    }
    let whole = try made(Self.operation, [part]) { ctorch_group_gather(handle, near.handle, $0) }
    guard rows % count > 0 else { return try whole.to(on: part.device) }
    var parts: [Tensor] = []
    for member in 0..<count {
      parts.append(try whole.narrowed(0, from: member * size, length: share(of: rows, member: member).count))
    }
    return try Tensor.cat(parts, 0).to(on: part.device)
  }

  /// Which of so many rows are this member's: as many as any other's, or one more.
  public func share(of rows: Int) -> Range<Int> { share(of: rows, member: rank) }

  private func share(of rows: Int, member: Int) -> Range<Int> {
    let (each, more) = rows.quotientAndRemainder(dividingBy: count)
    let start = member * each + min(member, more)
    return start..<(start + each + (member < more ? 1 : 0))
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
    guard let group else { return try results(products) }
    var own: [MatrixProduct] = []
    for product in products {
      own.append(product.pays(group) ? try product.part(group.share(of: product.rows)) : product)
    }
    var all: [Tensor] = []
    for (product, part) in zip(products, try results(own)) {
      all.append(product.pays(group) ? try group.gathered(part, of: product.rows) : part)
    }
    return all
  }

  /// Writes the result to `target`, shared out where that pays.
  package func write(to target: Tensor, sharedBy group: ProcessGroup?) throws(TorchError) {
    guard let group, pays(group) else { return try write(to: target) }
    try target.copy(from: Self.results([self], sharedBy: group)[0])
  }

  /// Whether `results(_:sharedBy:)` shares the product out.
  package func isShared(by group: ProcessGroup?) -> Bool { group.map(pays) ?? false }
}
