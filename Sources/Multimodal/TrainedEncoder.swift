public import Torch
public import TorchNN

/// Makes features of pictures or texts within a model, and is trained with it.
///
/// It holds no weights: they are parameters of the model at `encoder.<modality>`, and are handed to it at each pass, so
/// that one encoder serves a model and its copies.
public protocol TrainedEncoder {
  /// The width of its features.
  var width: Int { get }

  /// Makes its parameters in `scope`, which is `encoder.<modality>`.
  func makeParameters(_ scope: Scope) throws(TorchError)

  /// Features [B, width] of inputs [B, …]; of each of them something is there.
  func callAsFunction(_ inputs: Tensor, _ weights: EncoderWeights) throws(TorchError) -> Tensor
}

/// An encoder's weights at one pass, by their names below `encoder.<modality>`.
public struct EncoderWeights {
  /// Of the model as it is.
  let parameters: [String: Parameter]
  /// What stands in place of them; nil: nothing.
  let others: ((Parameter) -> Tensor?)?
  private let statistics: BatchStatistics?
  /// Nil where nothing is left out.
  private let dropout: (share: Double?, generator: Generator)?
  /// The rows of a pass that several processes share; nil where this one has all.
  let shared: SharedRows?

  init(
    _ parameters: [String: Parameter], others: ((Parameter) -> Tensor?)? = nil, noting statistics: BatchStatistics?,
    dropout: (share: Double?, generator: Generator)? = nil, shared: SharedRows? = nil
  ) {
    self.shared = shared
    self.parameters = parameters
    self.others = others
    self.statistics = statistics
    self.dropout = dropout
  }

  public var names: [String] { Array(parameters.keys) }

  /// The type that products are taken in where a graph is recorded; nil: the weights' own.
  package var productType: ElementType? { parameters.first?.value.productType }

  public subscript(name: String) -> Tensor? {
    guard let parameter = parameters[name] else { return nil }
    guard let others else { return parameter.tensor }
    return others(parameter)
  }

  /// The share of numbers that a pass leaves out where its encoder has `own`; 0 where it leaves out none.
  package func dropped(of own: Double) -> Double { dropout.map { $0.share ?? own } ?? 0 }

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
  package func hasSeveral(_ x: Tensor) -> Bool { shared != nil || x.count / max(x.shape[1], 1) > 1 }

  /// The inputs of a pass, of all processes together, for whoever has to know them.
  package var allInputs: Tensor? { shared?.all }

  /// Notes what the batch says of a statistic, where somebody wants to know.
  public func note(_ name: String, _ value: Tensor) {
    if let parameter = parameters[name] { statistics?.note(parameter, value) }
  }
}

/// A pass of an encoder over rows that several processes share.
struct SharedRows {
  let group: ProcessGroup
  /// The inputs of all.
  let all: Tensor
  /// This process's rows.
  let own: Range<Int>

  /// Nil where there is one process, or fewer rows than processes.
  init?(_ group: ProcessGroup?, _ all: Tensor) {
    guard let group, all.shape[0] >= group.count else { return nil }
    (self.group, self.all, own) = (group, all, group.share(of: all.shape[0]))
  }
}

/// What encoders leave out in one pass that is trained on.
public struct EncoderDropout: Sendable {
  /// p at every place where an encoder has dropout; nil: as each says.
  let share: Double?
  private let random: RandomSource
  private let pass: String

  /// - Parameter pass: a name that no other pass of the run has.
  public init(share: Double?, _ random: RandomSource, pass: String) {
    self.share = share
    self.random = random
    self.pass = pass
  }

  /// Where a modality's is drawn from.
  func generator(_ modality: Modality) throws(TorchError) -> Generator {
    try random.generator("dropout/\(modality.name)/\(pass)")
  }
}

/// What a step's batch says of running means and variances; they follow once the step is done, since gradients are taken
/// through what they were.
public final class BatchStatistics {
  private var noted: [Int: (parameter: Parameter, value: Tensor)] = [:]

  public init() {}

  /// Of several passes over a batch the first counts.
  func note(_ parameter: Parameter, _ value: Tensor) {
    if noted[parameter.index] == nil { noted[parameter.index] = (parameter, value) }
  }

  /// s ← (1 − momentum) s + momentum · noted, for each.
  public func apply(momentum: Double = 0.1) throws(TorchError) {
    for (parameter, value) in noted.values {
      try parameter.tensor.scale(by: 1 - momentum)
      try parameter.tensor.add(value.to(parameter.tensor.elementType), scale: momentum)
    }
    forget()
  }

  public func forget() { noted = [:] }
}
