public import Multimodal

/// All encoders, a line each.
public enum EncoderRegistry {
  /// The first of a kind is its default.
  public static let all: [any RawEncoder.Type] = [
    HOGColourEncoder.self,
    HashedNGramEncoder.self,
  ]

  /// The encoders of a kind of input.
  public static func encoders(of kind: RawInput.Kind) -> [any RawEncoder.Type] { all.filter { $0.kind == kind } }

  /// The encoder of that name, or the default for `nil`.
  ///
  /// - Throws: ``EncoderError/unknown(name:kind:known:)``.
  public static func encoder(named name: String? = nil, of kind: RawInput.Kind) throws -> any RawEncoder.Type {
    let known = encoders(of: kind)
    if let found = known.first(where: { name == nil || $0.name == name }) { return found }
    throw EncoderError.unknown(name: name ?? "", kind: kind, known: known.map { $0.name })
  }
}
