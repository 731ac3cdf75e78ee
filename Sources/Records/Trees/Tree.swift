import Foundation

/// A configuration, or anything read from YAML or JSON, as a tree.
///
/// `int` and `number` are kept apart, so that a fraction is never taken where a whole number is meant.
public enum Tree: Sendable, Equatable {
  case null
  case bool(Bool)
  case int(Int)
  case number(Double)
  case string(String)
  case list([Tree])
  case table([String: Tree])
  /// A list of numbers, from readers that are asked for it alone (`floatsUnder`); everybody else has a `list`.
  case floats([Float])
}

/// The settings of a method, an encoder or the like: a struct whose every property has a default.
///
/// Name properties in plain camel case; in files they are written in snake case.
public protocol Settings: Codable, Equatable, Sendable {
  init()
}

/// How a property's name is spelt as a key.
public enum KeySpelling: Sendable {
  /// `learningRate` is `learning_rate`; keys of `[String: …]` dictionaries are data, and stay as they are.
  case snakeCase
  /// As the property is named.
  case asNamed
}

extension Tree {
  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// The whole number here; a number without a fraction counts.
  public var intValue: Int? {
    switch self {
    case .int(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The number here, whole or not.
  public var numberValue: Double? {
    switch self {
    case .int(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  public var listValue: [Tree]? {
    switch self {
    case .list(let value): value
    case .floats(let values): values.map { .number(Double($0)) }
    default: nil
    }
  }
  public var tableValue: [String: Tree]? { if case .table(let value) = self { value } else { nil } }

  /// The subtree at a dotted path, `optimizer.schedule.form`; the empty path is the whole.
  ///
  /// Setting makes the tables on the way; setting `nil` removes. Keys with a dot in them cannot be reached so.
  public subscript(path path: String) -> Tree? {
    get { self[keys: path.split(separator: ".").map(String.init)[...]] }
    set { self[keys: path.split(separator: ".").map(String.init)[...]] = newValue }
  }

  private subscript(keys keys: ArraySlice<String>) -> Tree? {
    get {
      guard let first = keys.first else { return self }
      guard case .table(let entries) = self else { return nil }
      return entries[first]?[keys: keys.dropFirst()]
    }
    set {
      guard let first = keys.first else {
        self = newValue ?? .null
        return
      }
      var entries = tableValue ?? [:]
      if keys.count == 1 {
        entries[first] = newValue
      } else if newValue != nil || entries[first] != nil {
        var child = entries[first] ?? .table([:])
        child[keys: keys.dropFirst()] = newValue
        entries[first] = child
      }
      self = .table(entries)
    }
  }

  /// The dotted paths of everything that is not a table (and of empty tables), sorted.
  public var leafPaths: [String] {
    var paths: [String] = []
    collectLeaves(under: "", into: &paths)
    return paths.sorted()
  }

  private func collectLeaves(under prefix: String, into paths: inout [String]) {
    guard case .table(let entries) = self, !entries.isEmpty else {
      if !prefix.isEmpty { paths.append(prefix) }
      return
    }
    for (key, value) in entries {
      value.collectLeaves(under: prefix.isEmpty ? key : "\(prefix).\(key)", into: &paths)
    }
  }

  /// This tree with another laid over it: tables join, anything else is replaced.
  public func overlaid(with other: Tree) -> Tree {
    guard case .table(var entries) = self, case .table(let others) = other else { return other }
    for (key, value) in others { entries[key] = entries[key]?.overlaid(with: value) ?? value }
    return .table(entries)
  }
}

extension Tree: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .int(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: Tree...) { self = .list(elements) }
  public init(dictionaryLiteral elements: (String, Tree)...) {
    self = .table(Dictionary(elements, uniquingKeysWith: { $1 }))
  }
}

extension Tree: CustomStringConvertible {
  /// The value as one would type it after `key=`.
  public var description: String {
    switch self {
    case .string(let text): text
    default: json()
    }
  }
}

// MARK: - Any coder

extension Tree: Codable {
  public init(from decoder: any Swift.Decoder) throws {
    if let own = decoder as? TreeDecoder {
      self = own.tree
      return
    }
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .int(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([Tree].self) {
      self = .list(value)
    } else {
      self = .table(try container.decode([String: Tree].self))
    }
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .number(let value): if value.isFinite { try container.encode(value) } else { try container.encodeNil() }
    case .string(let value): try container.encode(value)
    case .list(let value): try container.encode(value)
    case .table(let value): try container.encode(value)
    case .floats(let value): try container.encode(value)
    }
  }
}
