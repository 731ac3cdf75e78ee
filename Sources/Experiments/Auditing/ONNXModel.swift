import Foundation
import Records
import Torch

#if RUNS_ONNX
  import COpenVINO
#endif

/// A model in an ONNX file, run by OpenVINO on the processor in float32.
///
/// Unlike a TorchScript module or a compiled package such a file holds no code of its author's, only operations that the
/// runtime knows.
final class ONNXModel {
  /// The runtime's version; nil where this build has none.
  static var runtime: String? {
    #if RUNS_ONNX
      String(cString: copenvino_version())
    #else
      nil
    #endif
  }

  /// Why the file cannot be used, in the runtime's words.
  struct Failure: Error { let reason: String }

  #if RUNS_ONNX
    private let handle: OpaquePointer
    /// The names of its inputs, in its order.
    let inputs: [String]

    /// - Throws: ``Failure`` for a file that is no ONNX model, or one with operations that the runtime does not know.
    init(reading path: String) throws {
      var model: OpaquePointer?
      guard copenvino_load(path, &model) == 0, let model else { throw Self.failure() }
      handle = model
      inputs = (0..<copenvino_input_count(model)).map { String(cString: copenvino_input_name(model, $0)) }
    }

    deinit { copenvino_free(handle) }

    private static func failure() -> Failure { Failure(reason: String(cString: copenvino_error())) }

    /// Its first output, float32.
    func callAsFunction(_ tensors: [Tensor]) throws -> Tensor {
      guard tensors.count == inputs.count else {
        throw Failure(
          reason: "it has \(inputs.count) inputs (\(inputs.joined(separator: ", "))) and was given \(tensors.count)")
      }
      // What is handed over has to stay until it was run.
      var kept: [(type: copenvino_type, shape: [Int64], bytes: [UInt8])] = []
      for (place, tensor) in tensors.enumerated() {
        let type = copenvino_input_type(handle, Int64(place))
        let bytes: [UInt8]
        switch type {
        case COPENVINO_FLOAT32: bytes = try (tensor.to(.float32).array() as [Float]).withUnsafeBytes(Array.init)
        case COPENVINO_INT64: bytes = try (tensor.to(.int64).array() as [Int]).withUnsafeBytes(Array.init)
        case COPENVINO_INT32:
          bytes = try (tensor.to(.int64).array() as [Int]).map { Int32(clamping: $0) }.withUnsafeBytes(Array.init)
        case COPENVINO_UINT8: bytes = try tensor.to(.uint8).contiguous().bytes()
        case COPENVINO_BOOL: bytes = try tensor.to(.bool).contiguous().bytes()
        default:
          throw Failure(reason: "its input '\(inputs[place])' is none of float32, int64, int32, uint8 and bool")
        }
        kept.append((type, tensor.shape.map(Int64.init), bytes))
      }
      return try run(kept[...], [])
    }

    /// Hands over one input after the other, and then runs.
    private func run(
      _ rest: ArraySlice<(type: copenvino_type, shape: [Int64], bytes: [UInt8])>, _ given: [copenvino_numbers]
    ) throws -> Tensor {
      if let next = rest.first {
        return try next.shape.withUnsafeBufferPointer { shape in
          try next.bytes.withUnsafeBytes { bytes in
            let numbers = copenvino_numbers(
              type: next.type, rank: Int64(shape.count), dimensions: shape.baseAddress, values: bytes.baseAddress)
            return try run(rest.dropFirst(), given + [numbers])
          }
        }
      }
      var output = copenvino_numbers()
      guard copenvino_run(handle, given, &output) == 0 else { throw Self.failure() }
      guard output.type == COPENVINO_FLOAT32, let values = output.values else {
        throw Failure(reason: "its first output is not float32")
      }
      let shape = (0..<Int(output.rank)).map { Int(output.dimensions[$0]) }
      let numbers = UnsafeBufferPointer(
        start: values.assumingMemoryBound(to: Float.self), count: shape.reduce(1, *))
      return try Tensor(Array(numbers), shape: shape)
    }
  #else
    /// - Throws: a `Diagnosis`: this build has no runtime.
    init(reading path: String) throws {
      throw Diagnosis(
        "ONNX models are not run by this build", place: path,
        remedy:
          "make openvino build  adds their runtime; or save the model by torch.jit.save, or let a program run it:  "
          + "--command 'python predict.py'", exitStatus: .input)
    }

    func callAsFunction(_ tensors: [Tensor]) throws -> Tensor { throw Failure(reason: "this build has no runtime") }
  #endif
}
