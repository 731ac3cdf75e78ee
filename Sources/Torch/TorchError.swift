/// What libtorch refused: the operation, the shapes it was given, and libtorch's own sentence.
public struct TorchError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operation, as PyTorch spells it.
  public let operation: String
  /// The shapes of the operands, in order.
  public let shapes: [[Int]]
  /// libtorch's sentence, without its C++ stack.
  public let message: String

  public init(operation: String, shapes: [[Int]] = [], message: String) {
    self.operation = operation
    self.shapes = shapes
    self.message = message
  }

  public var description: String {
    let operands = shapes.isEmpty ? "" : " of " + shapes.map { "\($0)" }.joined(separator: " and ")
    let firstLine = message.split(separator: "\n", maxSplits: 1).first.map(String.init) ?? "no reason given"
    return "\(operation)\(operands): \(firstLine)"
  }
}
