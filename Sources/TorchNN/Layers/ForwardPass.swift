public import Torch

/// What layers are told of a pass besides their inputs: of the tokens that pass through them, and of training.
public final class ForwardPass {
  /// The group of each token of each row, [B][L], as the model's owner numbers groups; adapters of a group read it.
  public let groups: [[UInt8]]
  /// The groups that no token of another group may look at.
  public let hidden: Set<UInt8>
  private var derived: [String: Tensor] = [:]
  /// What stands in place of parameters; nil: nothing.
  private let others: ((Parameter) -> Tensor?)?
  private let statistics: BatchStatistics?
  /// Nil where nothing is left out.
  private let dropout: (share: Double?, generator: Generator)?
  /// The rows of a pass that several processes share; nil where this one has all.
  package let shared: SharedRows?

  public init(groups: [[UInt8]] = [], hidden: Set<UInt8> = []) {
    self.groups = groups
    self.hidden = hidden
    (others, statistics, dropout, shared) = (nil, nil, nil, nil)
  }

  /// A pass that may be trained on.
  ///
  /// - Parameters:
  ///   - statistics: told what the batch says of running means and variances.
  ///   - dropout: p at every place, or nil for each place's own; and what is drawn from.
  ///   - others: weights in place of the parameters.
  package init(
    noting statistics: BatchStatistics?, dropping dropout: (share: Double?, generator: Generator)? = nil,
    shared: SharedRows? = nil, with others: ((Parameter) -> Tensor?)? = nil
  ) {
    (groups, hidden) = ([], [])
    (self.others, self.statistics, self.dropout, self.shared) = (others, statistics, dropout, shared)
  }

  /// A tensor that is made of the groups once, for all layers of the pass.
  public func derived(_ name: String, _ make: () throws -> Tensor) rethrows -> Tensor {
    if let found = derived[name] { return found }
    let made = try make()
    derived[name] = made
    return made
  }

  /// A parameter's numbers in this pass.
  public subscript(parameter: Parameter) -> Tensor {
    get throws(TorchError) {
      guard let others, !parameter.isConstant else { return parameter.tensor }
      guard let other = others(parameter) else {
        throw TorchError(
          operation: "parameter '\(parameter.path)'", shapes: [parameter.shape],
          message: "not among the weights that stand in place of the model's")
      }
      return other
    }
  }

  /// The share of numbers that the pass leaves out where its place has `own`; 0 where it leaves out none.
  func dropped(of own: Double) -> Double { dropout.map { $0.share ?? own } ?? 0 }

  /// Dropout (Srivastava et al., JMLR 2014): m ⊙ x / (1 − p), where each element of m is 0 with probability p and 1
  /// otherwise; x itself outside of training.
  ///
  /// - Parameter own: p, unless the run has another for all places.
  public func dropping(_ own: Double, of x: Tensor) throws(TorchError) -> Tensor {
    let share = dropped(of: own)
    guard let dropout, share > 0 else { return x }
    // What is left out of a sample does not depend on how many processes share them.
    let rows = shared.map { [$0.all.shape[0]] + x.shape.dropFirst() } ?? x.shape
    var kept = try dropout.generator.bernoulli(rows, probability: 1 - share)
    if let own = shared?.own { kept = try kept.narrowed(0, from: own.lowerBound, length: own.count) }
    return try x * (kept.to(x.elementType, on: x.device) / (1 - share))
  }

  /// x [B, channels, …] with mean 0 and variance 1 of each channel over the batch, then `weight` and `bias`; and that mean and
  /// variance, which are constants, over so many numbers each.
  ///
  /// Over the rows of all processes where several share the batch: an encoder takes a statistic of its inputs in no other way.
  public func batchNormalized(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor, epsilon: Double = 1e-5
  ) throws(TorchError) -> (normalized: Tensor, mean: Tensor, variance: Tensor, count: Int) {
    let places = x.shape.dropFirst(2).reduce(1, *)
    guard let shared else {
      let (normalized, mean, variance) = try x.batchNormalized(weight, bias, epsilon: epsilon)
      return (normalized, mean, variance, x.shape[0] * places)
    }
    let (normalized, mean, variance) = try x.batchNormalized(weight, bias, epsilon: epsilon, over: shared.group)
    return (normalized, mean, variance, shared.all.shape[0] * places)
  }

  /// Whether there are several numbers of each channel in x [B, channels, …], so that there is a variance.
  func hasSeveral(_ x: Tensor) -> Bool { shared != nil || x.count / max(x.shape[1], 1) > 1 }

  /// Notes what the batch says of a statistic, where somebody wants to know.
  public func note(_ parameter: Parameter, _ value: Tensor) { statistics?.note(parameter, value) }
}

/// A pass over rows that several processes share.
package struct SharedRows {
  let group: ProcessGroup
  /// The inputs of all.
  package let all: Tensor
  /// This process's rows.
  package let own: Range<Int>

  /// Nil where there is one process, or fewer rows than processes.
  package init?(_ group: ProcessGroup?, _ all: Tensor) {
    guard let group, all.shape[0] >= group.count else { return nil }
    (self.group, self.all, own) = (group, all, group.share(of: all.shape[0]))
  }
}
