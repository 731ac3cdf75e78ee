/// A setting with a fixed list of values: an enum of strings.
///
/// Read tolerantly: `AdamW`, `adam-w` and `adam_w` are all `adamw`. Written as the raw value.
public protocol SettingChoice: RawRepresentable, CaseIterable, Codable, Sendable where RawValue == String {}

/// A word that is not among the allowed ones.
public struct UnknownChoice: Diagnosable, Equatable {
  /// What was given.
  public let found: String
  /// What may be given.
  public let allowed: [String]

  public init(found: String, allowed: [String]) {
    self.found = found
    self.allowed = allowed
  }

  public var diagnosis: Diagnosis {
    Diagnosis("'\(found)' is not one of \(allowed.joined(separator: ", "))", exitStatus: .usage)
  }
}

extension SettingChoice {
  /// The values that may be given, as they are written.
  public static var allowed: [String] { allCases.map(\.rawValue) }

  /// The case so called, ignoring case, `-` and `_`.
  ///
  /// - Throws: ``UnknownChoice``.
  public init(named name: String) throws {
    guard let match = Self.allCases.first(where: { $0.rawValue.tolerantKey == name.tolerantKey }) else {
      throw UnknownChoice(found: name, allowed: Self.allowed)
    }
    self = match
  }

  public init(from decoder: any Swift.Decoder) throws {
    let name = try decoder.singleValueContainer().decode(String.self)
    do {
      self = try Self(named: name)
    } catch {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "\(error)", underlyingError: error))
    }
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}
