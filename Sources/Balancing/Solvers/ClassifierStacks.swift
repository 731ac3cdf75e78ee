import Multimodal
import Torch
import TorchNN

/// Stacks of small classifiers, one a modality, with one output layer for all: r = G relu(A e + a) + g.
///
/// The parameters are `stage.<modality>.<number>.weight` [D, H] and `.bias` [D] and `output`, in a method's scope.
enum ClassifierStacks {
  /// Makes them, A by Xavier's normal numbers and a zero.
  ///
  /// - Parameters:
  ///   - hidden: D.
  ///   - stages: how many there may be of each modality; what is not begun moves in no step.
  static func make(_ scope: Scope, for model: MultimodalModel, hidden: Int, stages: Int) throws {
    for (modality, layer) in model.embeddings {
      let width = layer.weight.shape[0]
      let deviation = (2 / Double(width + hidden)).squareRoot()
      for stage in 0..<stages {
        let place = scope / "stage" / modality.name / "\(stage)"
        _ = try place.parameter("weight", [hidden, width], .normal(standardDeviation: deviation))
        _ = try place.parameter("bias", [hidden], .zeros)
      }
    }
    _ = try Linear(scope / "output", in: hidden, out: model.classes)
  }

  /// r of each of the first stages of a modality's feature, [B, C].
  static func answers(
    _ modality: Modality, _ feature: Tensor, _ model: MultimodalModel, stages: Int
  ) throws -> [Tensor] {
    let output = (weight: try model.methodTensor("output", "weight"), bias: try model.methodTensor("output", "bias"))
    return try (0..<stages).map { stage in
      func own(_ name: String) throws -> Tensor { try model.methodTensor("stage", modality.name, "\(stage)", name) }
      return try feature.linear(own("weight"), own("bias")).relu().linear(output.weight, output.bias)
    }
  }

  /// A direction without the stages from some number on.
  static func leavingOut(stagesFrom first: Int, of direction: Gradients, _ store: ParameterStore) -> Gradients {
    direction.within(
      direction.presentIndices.filter { index in
        let path = store.parameters[index].path
        guard path.isWithin("method.stage"), path.components.count > 3 else { return true }
        return Int(path.components[3]).map { $0 < first } ?? true
      })
  }
}
