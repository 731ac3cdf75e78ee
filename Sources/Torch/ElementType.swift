/// The type of a tensor's elements.
public enum ElementType: Int32, CaseIterable, Sendable {
  case float32 = 0
  case float64 = 1
  case float16 = 2
  case bfloat16 = 3
  case int64 = 4
  case int32 = 5
  case uint8 = 6
  case bool = 7
  case int16 = 8
  case int8 = 9

  /// Bytes an element takes.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .uint8, .bool, .int8: 1
    }
  }

  /// Whether elements are real numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float32, .float64, .float16, .bfloat16: true
    default: false
    }
  }

  /// The name in a safetensors header.
  public var safeTensorsName: String {
    switch self {
    case .float32: "F32"
    case .float64: "F64"
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .int64: "I64"
    case .int32: "I32"
    case .uint8: "U8"
    case .bool: "BOOL"
    case .int16: "I16"
    case .int8: "I8"
    }
  }

  public init?(safeTensorsName name: String) {
    guard let found = Self.allCases.first(where: { $0.safeTensorsName == name }) else { return nil }
    self = found
  }
}

/// A Swift number that tensors can be made of and read as.
public protocol TensorElement: Sendable {
  static var elementType: ElementType { get }
}

extension Float: TensorElement { public static var elementType: ElementType { .float32 } }
extension Double: TensorElement { public static var elementType: ElementType { .float64 } }
extension Int: TensorElement { public static var elementType: ElementType { .int64 } }
extension Int32: TensorElement { public static var elementType: ElementType { .int32 } }
extension UInt8: TensorElement { public static var elementType: ElementType { .uint8 } }
extension Bool: TensorElement { public static var elementType: ElementType { .bool } }
