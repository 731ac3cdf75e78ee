/// What stands for each modality where it is missing.
///
/// A table in files, `{"image": "encoded-empty", "text": "zeros"}`; older files have one word for all.
public struct MissingInputs: Codable, Equatable, Sendable {
  /// The features of an empty input: a black picture, the empty text, silence.
  public static let encodedEmpty = "encoded-empty"
  /// Features of zeros.
  public static let zeros = "zeros"

  /// By modality; in older files under the empty name.
  public var byModality: [String: String]

  public init(_ byModality: [String: String]) { self.byModality = byModality }

  public init(from decoder: any Swift.Decoder) throws {
    let c = try decoder.singleValueContainer()
    if let word = try? c.decode(String.self) {
      byModality = ["": word == "encoded" ? Self.encodedEmpty : Self.zeros]
    } else {
      byModality = try c.decode([String: String].self)
    }
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.singleValueContainer()
    try c.encode(byModality)
  }

  /// As a sentence has it: `image: what an empty input encodes to; text: zeros`.
  public var words: String {
    let all = byModality.sorted { $0.key < $1.key }.map { name, form in
      (name.isEmpty ? "" : "\(name): ") + (form == Self.encodedEmpty ? "what an empty input encodes to" : form)
    }
    return all.joined(separator: "; ")
  }
}
