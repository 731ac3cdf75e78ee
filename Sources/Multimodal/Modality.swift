public import TorchNN

/// A kind of input, and the places its parameters live.
public struct Modality: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
  public let name: String

  public init(_ name: String) { self.name = name }
  public init(stringLiteral name: String) { self.name = name }

  public var description: String { name }

  /// The embedding layer hₘ.
  public var embedding: ParameterPath { ParameterPath([name, "embedding"]) }
  /// The unimodal classifier fₘ.
  public var head: ParameterPath { ParameterPath([name, "head"]) }
  /// The encoder Eₘ, where it is trained.
  public var encoder: ParameterPath { ParameterPath(["encoder", name]) }
}
