import Multimodal
import Records
import Torch
import TorchNN

extension MultimodalModel {
  /// A parameter that a method has added, by its path in the scope `method`.
  func methodTensor(_ path: String...) throws -> Tensor {
    let path = ParameterPath(["method"] + path)
    guard let parameter = store[path] else {
      throw Diagnosis(
        "the model has no parameter '\(path)'", remedy: "add the method's parameters before training",
        exitStatus: .defect)
    }
    return parameter.tensor
  }
}
