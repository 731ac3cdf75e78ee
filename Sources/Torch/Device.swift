/// Where a tensor lives: `cpu`, `cuda`, `cuda:1`, `mps`.
public struct Device: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
  /// The name as libtorch spells it.
  public let name: String

  public init(_ name: String) { self.name = name }
  public init(stringLiteral name: String) { self.name = name }

  public static let cpu = Device("cpu")

  /// Whether this is the processor itself.
  public var isProcessor: Bool { name == "cpu" }

  public var description: String { name }
}
