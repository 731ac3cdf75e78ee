public import Torch
public import TorchNN

/// Makes features of pictures or texts within a model, and is trained with it.
///
/// It holds no weights: each model that it is given to has a network of its own, over parameters at `encoder.<modality>`, so
/// that one encoder serves a model and its copies.
public protocol TrainedEncoder {
  /// The width of its features.
  var width: Int { get }

  /// Makes its network, once for each model, with its parameters in `scope`, which is `encoder.<modality>`.
  func makeNetwork(_ scope: Scope) throws(TorchError) -> any EncoderNetwork
}

/// The network of an encoder in a model, over the model's parameters.
public protocol EncoderNetwork {
  /// Features [B, width] of inputs [B, …]; of each of them something is there.
  ///
  /// - Parameter pass: is asked for the parameters' numbers (layers do it themselves), for dropout and for statistics of a batch.
  func callAsFunction(_ inputs: Tensor, _ pass: ForwardPass) throws(TorchError) -> Tensor
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
