import Foundation
import Yams

extension ConfigurationLayering {
  struct Mismatch: Error { let what: String }

  func convert(_ node: Node, like current: Tree) -> Result<Tree, Mismatch> {
    func needs(_ what: String) -> Result<Tree, Mismatch> {
      .failure(Mismatch(what: "\(what) is needed, found \(described(node))"))
    }
    switch current {
    case .null, .table, .floats: return .success(Self.plain(node))
    case .list(let elements):
      if case .sequence(let nodes) = node {
        guard let model = elements.first else { return .success(.list(nodes.map(Self.plain))) }
        return collect(nodes.map { convert($0, like: model) })
      }
      guard let scalar = node.scalar, !Self.isNull(node) else { return needs("a list") }
      let words = scalar.string.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      let nodes = words.map { Node($0, Tag(.implicit), scalar.style) }
      guard let model = elements.first else { return .success(.list(nodes.map(Self.plain))) }
      return collect(nodes.map { convert($0, like: model) })
    case .bool:
      guard let scalar = node.scalar, scalar.style == .plain, let value = Self.bool(scalar.string) else {
        return needs("true or false")
      }
      return .success(.bool(value))
    case .int:
      guard let value = Self.number(node) else { return needs("a whole number") }
      guard let whole = value.intValue else { return needs("a whole number") }
      return .success(.int(whole))
    case .number:
      guard let value = Self.number(node)?.numberValue else { return needs("a number") }
      guard value.isFinite else { return needs("a finite number") }
      return .success(.number(value))
    case .string:
      guard let scalar = node.scalar else { return needs("a text") }
      if Self.isNull(node), source(hasText: scalar) { return needs("a text") }
      return .success(.string(scalar.string))
    }
  }

  private func source(hasText scalar: Node.Scalar) -> Bool {
    scalar.string == "~" || scalar.string.lowercased() == "null"
  }

  func collect(_ results: [Result<Tree, Mismatch>]) -> Result<Tree, Mismatch> {
    var elements: [Tree] = []
    for result in results {
      switch result {
      case .success(let element): elements.append(element)
      case .failure(let mismatch): return .failure(mismatch)
      }
    }
    return .success(.list(elements))
  }

  func described(_ node: Node) -> String {
    Self.isNull(node) ? "nothing" : (node.scalar.map { "'\($0.string)'" } ?? Self.plain(node).described)
  }

  static func isNull(_ node: Node) -> Bool {
    guard let scalar = node.scalar, scalar.style == .plain else { return false }
    return ["", "~", "null"].contains(scalar.string.lowercased())
  }

  static func bool(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "yes", "on": true
    case "false", "no", "off": false
    default: nil
    }
  }

  static func number(_ node: Node) -> Tree? {
    guard let scalar = node.scalar, scalar.style == .plain else { return nil }
    let text = scalar.string
    // Only what reads as a decimal number: no 0x10, no 1_000, no sixty-based 1:30, and no 'infinity' of Swift's reader.
    guard !text.isEmpty, text.utf8.allSatisfy({ "+-.eE0123456789".utf8.contains($0) }) else { return nil }
    if let whole = Int(text) { return .int(whole) }
    return Double(text).map(Tree.number)
  }

  /// A node where nothing says what it should be.
  static func plain(_ node: Node) -> Tree {
    switch node {
    case .mapping(let pairs):
      return .table(Dictionary(pairs.map { ($0.key.scalar?.string ?? "", plain($0.value)) }, uniquingKeysWith: { $1 }))
    case .sequence(let nodes): return .list(nodes.map(plain))
    case .alias: return .null
    case .scalar(let scalar):
      if isNull(node) { return .null }
      guard scalar.style == .plain else { return .string(scalar.string) }
      if ["true", "false"].contains(scalar.string.lowercased()) { return .bool(scalar.string.lowercased() == "true") }
      return number(node) ?? .string(scalar.string)
    }
  }
}
