/// A property of a ``Settings`` type, with what cards, help and checks say of it.
///
///     @Setting("λ, of the unimodal losses", .nonNegative) public var unimodal = 1.0
///
/// In files it is its value alone. A property without it is a setting too, of which nothing is said or checked.
@propertyWrapper
public struct Setting<Value: Codable & Equatable & Sendable>: Sendable {
  public var wrappedValue: Value
  private let note: (summary: String, range: SettingRange?)

  /// - Parameters:
  ///   - summary: one sentence.
  ///   - range: the numbers that may be given; the words of a ``SettingChoice`` are known.
  public init(wrappedValue: Value, _ summary: String, _ range: SettingRange? = nil) {
    self.wrappedValue = wrappedValue
    note = (summary, range)
  }

  /// A setting that is checked, and described elsewhere.
  public init(wrappedValue: Value, range: SettingRange? = nil) { self.init(wrappedValue: wrappedValue, "", range) }
}

extension Setting: Equatable {
  public static func == (a: Setting, b: Setting) -> Bool { a.wrappedValue == b.wrappedValue }
}

extension Setting: Codable {
  public init(from decoder: any Swift.Decoder) throws { self.init(wrappedValue: try Value(from: decoder)) }

  public func encode(to encoder: any Swift.Encoder) throws { try wrappedValue.encode(to: encoder) }
}

extension Setting: DescribedSetting {
  fileprivate func description(_ key: String, default value: Tree) -> SettingDescription {
    SettingDescription(
      key, note.summary, default: value, allowed: (Value.self as? any SettingChoice.Type)?.allowed ?? [],
      range: note.range)
  }
}

private protocol DescribedSetting {
  func description(_ key: String, default value: Tree) -> SettingDescription
}

extension SettingDescription {
  /// Of every ``Setting`` of some settings and of the settings within them, in the order of their declaration.
  public static func all(of settings: some Settings) -> [SettingDescription] {
    described(settings, under: "", defaults: (try? Tree(encoding: settings)) ?? .table([:]))
  }

  private static func described(_ settings: Any, under path: String, defaults: Tree) -> [SettingDescription] {
    Mirror(reflecting: settings).children.flatMap { label, value -> [SettingDescription] in
      guard let label else { return [] }
      // A wrapped property's value is kept under its name with a line before.
      let name = value is any DescribedSetting ? String(label.dropFirst()) : label
      let key = path + KeySpelling.snakeCase.spell(name)
      switch value {
      case let setting as any DescribedSetting:
        return [setting.description(key, default: defaults[path: key] ?? .null)]
      case is any Settings: return described(value, under: key + ".", defaults: defaults)
      default: return []
      }
    }
  }
}
