import Multimodal
import Torch

/// How sure predictions are, and whether they are right, sample by sample.
enum Certainty {
  /// The probability of what is predicted, [B]: the likeliest class, or the mean of each label's likelier answer.
  static func confidence(_ logits: Tensor, _ task: PredictionTask) throws(TorchError) -> Tensor {
    let p = try task.probabilities(logits)
    return switch task {
    case .singleLabel, .binary: try p.max(-1)
    case .multiLabel: try p.maximum(1 - p).mean(-1)
    case .regression: preconditionFailure("a regression has no confidence")
    }
  }

  /// 1 where the prediction is right, in all its labels where there are several, and 0 elsewhere, [B].
  static func right(_ logits: Tensor, _ labels: Tensor, _ task: PredictionTask) throws(TorchError) -> Tensor {
    let hits =
      switch task {
      case .singleLabel, .binary: try logits.argmax(-1).equal(to: labels)
      case .multiLabel: try logits.greater(than: 0).to(.int64).equal(to: labels.to(.int64))
      case .regression: preconditionFailure("no prediction of a regression is right or wrong")
      }
    let values = try hits.to(logits.elementType)
    return task == .multiLabel ? try values.min(-1) : values
  }
}
