import CTorch

/// What one computation asked libtorch for, operation by operation.
final class TensorRecording {
  /// One operation, its tensors by number.
  struct Step {
    let name: String
    let arguments: [Argument]
    /// -1 is no tensor.
    let outputs: [Int]

    /// The tensors that it was given.
    var operands: [Int] { arguments.flatMap(\.tensors) }
  }

  struct Argument {
    let name: String
    let isKeyword: Bool
    let kind: Int
    let whole: [Int]
    let number: Double
    let text: String

    var tensors: [Int] {
      kind == ctorch_argument_tensor || kind == ctorch_argument_tensors ? whole : []
    }
  }

  private let handle: OpaquePointer
  let steps: [Step]
  /// The numbers of the tensors that the computation gave.
  let outputs: [Int]

  /// Does a computation and records it; the inputs' numbers are 0, 1, ….
  ///
  /// - Throws: what `body` throws, and a `TorchError` where another computation of this thread is being recorded, or where an
  ///   output was made by no operation.
  init(of inputs: [Tensor], _ body: ([Tensor]) throws -> [Tensor]) throws {
    try done("record", inputs, withHandles(inputs) { ctorch_recording_begin($0, $1) })
    var found: OpaquePointer?
    let made: [Tensor]
    do { made = try body(inputs) } catch {
      if ctorch_recording_end(&found) == 0, let found { ctorch_recording_free(found) }
      throw error
    }
    try done("record", inputs, ctorch_recording_end(&found))
    guard let found else { throw failure("record", inputs) }
    handle = found
    steps = (0..<ctorch_recording_count(found)).map { Self.step($0, of: found) }
    outputs = made.map { Int(ctorch_recording_place(found, $0.handle)) }
    guard outputs.allSatisfy({ $0 >= 0 }) else {
      throw TorchError(operation: "record", message: "an output was made by no operation")
    }
  }

  deinit { ctorch_recording_free(handle) }

  private static func step(_ place: Int64, of handle: OpaquePointer) -> Step {
    var (arguments, count): (Int32, Int32) = (0, 0)
    var outputs: UnsafePointer<Int64>?
    let name = ctorch_recording_step(handle, place, &arguments, &outputs, &count).map { String(cString: $0) } ?? ""
    return Step(
      name: name.hasPrefix("aten::") ? String(name.dropFirst(6)) : name,
      arguments: (0..<arguments).map { argument(ctorch_recording_argument(handle, place, $0)) },
      outputs: UnsafeBufferPointer(start: outputs, count: Int(count)).map { Int($0) })
  }

  private static func argument(_ found: ctorch_argument) -> Argument {
    Argument(
      name: found.name.map { String(cString: $0) } ?? "", isKeyword: found.keyword, kind: Int(found.kind),
      whole: UnsafeBufferPointer(start: found.whole, count: Int(found.count)).map { Int($0) }, number: found.number,
      text: found.text.map { String(cString: $0) } ?? "")
  }

  /// A tensor that was met, cut off from gradients.
  func tensor(_ number: Int) throws(TorchError) -> Tensor {
    try made("record", []) { ctorch_recording_tensor(handle, Int64(number), $0) }
  }
}
