import Foundation
import Yams

/// The tree as it grows, and the problems met on the way.
struct ConfigurationLayering {
  let overlay: ConfigurationResolver
  var tree: Tree
  var provenance: [String: String]
  var problems: [ConfigurationProblem] = []

  /// Where a value stands.
  struct Source {
    var name: String
    var isFile: Bool
    func problem(_ mark: Mark?, _ path: String, _ what: String) -> ConfigurationProblem {
      ConfigurationProblem(
        source: name, line: isFile ? mark?.line : nil, column: isFile ? mark?.column : nil, path: path, what)
    }
    func provenance(_ mark: Mark?) -> String {
      isFile ? mark.map { "\(name):\($0.line)" } ?? name : name
    }
  }

  init(overlay: ConfigurationResolver) {
    self.overlay = overlay
    tree = overlay.defaults
    provenance = Dictionary(uniqueKeysWithValues: overlay.defaults.leafPaths.map { ($0, "default") })
  }

  // MARK: Sources

  /// The mapping that holds the settings: the file itself, or the configuration of a run's record.
  static func root(of file: ConfigurationFile) throws -> Node? {
    // A JSON file may be indented with tabs, which YAML forbids; outside of texts they are only space to JSON.
    let text = file.text.first { !$0.isWhitespace } == "{" ? file.text.replacing("\t", with: " ") : file.text
    guard let root = try SafeYAML.compose(text) else { return nil }
    guard case .mapping(let pairs) = root,
      let format = pairs.first(where: { $0.key.scalar?.string == "format" })?.value.scalar?.string,
      format.hasPrefix("seesaw-run/")
    else { return root }
    guard format == RunRecord.format,
      let configuration = pairs.first(where: { $0.key.scalar?.string == "configuration" })?.value
    else {
      throw Diagnosis("a run's record of a form that is not known: '\(format)'", exitStatus: .usage)
    }
    return configuration
  }

  static func split(_ setting: String) -> (key: String, value: String)? {
    guard let equals = setting.firstIndex(of: "=") else { return nil }
    let key = setting[..<equals].trimmingCharacters(in: .whitespaces)
    let value = setting[setting.index(after: equals)...].trimmingCharacters(in: .whitespaces)
    return key.isEmpty ? nil : (key, value)
  }

  /// A value as typed: quoted and flow values are YAML, anything else is one plain scalar, whatever is in it.
  static func node(ofValue text: String) throws -> Node? {
    if let first = text.first, "[{\"'".contains(first) { return try SafeYAML.compose(text) }
    return Node(text, Tag(.implicit), .plain)
  }

  mutating func lay(_ file: ConfigurationFile) {
    let source = Source(name: file.name, isFile: true)
    do {
      guard let root = try Self.root(of: file) else { return }
      var budget = ConfigurationResolver.mostNodes
      if let trouble = Self.excess(root, depth: 0, budget: &budget) {
        problems.append(source.problem(root.mark, "", trouble))
        return
      }
      guard case .mapping(let mapping) = root else {
        problems.append(source.problem(root.mark, "", "a table of settings is needed, found \(described(root))"))
        return
      }
      lay(mapping, at: [], source)
    } catch let error as YamlError {
      problems.append(Self.problem(of: error, source))
    } catch {
      problems.append(source.problem(nil, "", Diagnosis(describing: error).what))
    }
  }

  mutating func lay(setting: String) {
    let source = Source(name: "--set", isFile: false)
    guard let (key, value) = Self.split(setting) else {
      problems.append(source.problem(nil, setting, "not of the form key=value"))
      return
    }
    do {
      var budget = ConfigurationResolver.mostNodes
      guard let node = try Self.node(ofValue: value) else { return }
      if let trouble = Self.excess(node, depth: 0, budget: &budget) {
        problems.append(source.problem(nil, key, trouble))
        return
      }
      let components = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      lay(node, at: components, written: key, mark: nil, source)
    } catch let error as YamlError {
      var problem = Self.problem(of: error, source)
      problem.path = key
      problems.append(problem)
    } catch {
      problems.append(source.problem(nil, key, Diagnosis(describing: error).what))
    }
  }

  /// What makes a document too big to walk; aliases are walked as often as they are used, within the budget.
  static func excess(_ node: Node, depth: Int, budget: inout Int) -> String? {
    budget -= 1
    if budget < 0 { return "more than \(ConfigurationResolver.mostNodes) values, with every alias written out" }
    if depth > ConfigurationResolver.deepest { return "nested deeper than \(ConfigurationResolver.deepest) levels" }
    switch node {
    case .mapping(let pairs):
      for (key, value) in pairs {
        if let trouble = excess(key, depth: depth + 1, budget: &budget) { return trouble }
        if let trouble = excess(value, depth: depth + 1, budget: &budget) { return trouble }
      }
    case .sequence(let nodes):
      for child in nodes { if let trouble = excess(child, depth: depth + 1, budget: &budget) { return trouble } }
    case .scalar, .alias: break
    }
    return nil
  }

  static func problem(of error: YamlError, _ source: Source) -> ConfigurationProblem {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return source.problem(mark, "", "this is not YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      let keys = duplicates.map { "'\($0)'" }.joined(separator: ", ")
      return source.problem(context.mark, "", "in the table that begins here, \(keys) is given twice")
    case .reader: return source.problem(nil, "", "this is not YAML: a character that may not be there")
    default: return source.problem(nil, "", "this is not YAML")
    }
  }

  // MARK: Walking

  mutating func lay(_ mapping: Node.Mapping, at path: [String], _ source: Source) {
    var seen: [String: String] = [:]
    for (keyNode, value) in mapping {
      let mark = keyNode.mark ?? mapping.mark
      guard let key = keyNode.scalar?.string, !key.isEmpty else {
        problems.append(source.problem(mark, path.joined(separator: "."), "a key must be a word"))
        continue
      }
      let written = (path + [key]).joined(separator: ".")
      if let earlier = seen.updateValue(key, forKey: key.tolerantKey) {
        problems.append(source.problem(mark, written, "is given twice, the other time as '\(earlier)'"))
        continue
      }
      // Dots in a key are a path, as at the prompt.
      let components = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      lay(value, at: path + components, written: written, mark: mark, source)
    }
  }

  mutating func lay(_ node: Node, at given: [String], written: String, mark: Mark?, _ source: Source) {
    guard let path = resolve(given) else {
      problems.append(source.problem(mark, written, unknown(given)))
      return
    }
    set(node, at: path, written: written, mark: mark, source)
  }

  mutating func set(_ node: Node, at path: [String], written: String, mark: Mark?, _ source: Source) {
    let dotted = path.joined(separator: ".")
    guard let current = overlay.defaults[path: dotted] else {
      setFree(node, at: dotted, mark: mark, source)
      return
    }
    if case .table(let entries) = current {
      if case .mapping(let mapping) = node {
        if entries.isEmpty { setFree(node, at: dotted, mark: mark, source) } else { lay(mapping, at: path, source) }
        return
      }
      if let scalar = node.scalar {
        if Self.isNull(node), source.isFile { return }  // A heading with nothing under it.
        let wantsBool = Self.bool(scalar.string) != nil && scalar.style == .plain
        if wantsBool, case .bool? = entries["enabled"] {
          return set(node, at: path + ["enabled"], written: written, mark: mark, source)
        }
        for key in ["form", "name"] {
          if case .string? = entries[key] {
            return set(node, at: path + [key], written: written, mark: mark, source)
          }
        }
      }
      let keys = entries.keys.sorted().joined(separator: ", ")
      problems.append(
        source.problem(mark ?? node.mark, written, "a table (\(keys)) is needed, found \(described(node))"))
      return
    }
    switch convert(node, like: current) {
    case .success(var value):
      if let rule = overlay.rules[dotted] {
        if let what = rule.objection(to: value) {
          problems.append(source.problem(node.mark ?? mark, written, what))
          return
        }
        if let word = value.stringValue, let canonical = rule.canonical(word) { value = .string(canonical) }
      }
      put(value, at: dotted, source.provenance(mark ?? node.mark))
    case .failure(let mismatch):
      problems.append(source.problem(node.mark ?? mark, written, mismatch.what))
    }
  }

  /// Below an empty default table anything may stand.
  mutating func setFree(_ node: Node, at dotted: String, mark: Mark?, _ source: Source) {
    put(Self.plain(node), at: dotted, source.provenance(mark ?? node.mark))
  }

  mutating func put(_ value: Tree, at dotted: String, _ origin: String) {
    tree[path: dotted] = value
    for old in provenance.keys where old == dotted || old.hasPrefix(dotted + ".") { provenance[old] = nil }
    // An empty table that was a leaf is one no more.
    var parent = dotted
    while let dot = parent.lastIndex(of: ".") {
      parent = String(parent[..<dot])
      provenance[parent] = nil
    }
    let below = value.leafPaths
    if below.isEmpty { provenance[dotted] = origin }
    for leaf in below { provenance["\(dotted).\(leaf)"] = origin }
  }

  // MARK: Keys

  /// The path as the defaults spell it; `nil` where they have no such thing.
  func resolve(_ given: [String]) -> [String]? {
    if let path = match(given) { return path }
    if let path = match(["method"] + given) { return path }
    // One word that names exactly one leaf of the method.
    let words = given.count == 2 && given[0].tolerantKey == "method" ? [given[1]] : given
    guard words.count == 1, let method = overlay.defaults[path: "method"] else { return nil }
    let leaves = method.leafPaths.filter { leaf in
      leaf.split(separator: ".").last.map { String($0).tolerantKey == words[0].tolerantKey } ?? false
    }
    return leaves.count == 1 ? ["method"] + leaves[0].split(separator: ".").map(String.init) : nil
  }

  func match(_ given: [String]) -> [String]? {
    var here = overlay.defaults
    var path: [String] = []
    for (i, key) in given.enumerated() {
      guard case .table(let entries) = here else { return nil }
      if entries.isEmpty, !path.isEmpty {
        return given[i...].contains("") ? nil : path + given[i...]
      }
      guard
        let name = entries[key] != nil
          ? key : entries.keys.sorted().first(where: { $0.tolerantKey == key.tolerantKey }),
        let next = entries[name]
      else { return nil }
      path.append(name)
      here = next
    }
    return path
  }

  /// Why a key is refused, with the nearest there is.
  func unknown(_ given: [String]) -> String {
    let leaves = overlay.defaults.leafPaths
    let last = (given.last ?? "").tolerantKey
    let namesakes = leaves.filter { leaf in
      leaf.split(separator: ".").last.map { String($0).tolerantKey == last } ?? false
    }
    if namesakes.count == 1 { return "no such setting here; it belongs to '\(namesakes[0])'" }
    if namesakes.count > 1, namesakes.count <= 4 {
      let names = namesakes.map { "'\($0)'" }
      return "no such setting here; there are \(names.dropLast().joined(separator: ", ")) and \(names[names.count - 1])"
    }
    // The nearest among its would-be siblings; failing that among all, by last word or whole path.
    let parent = match(Array(given.dropLast()))?.joined(separator: ".")
    if given.count > 1, let parent, case .table(let entries)? = overlay.defaults[path: parent],
      let near = nearest(to: given.last ?? "", in: entries.keys.sorted())
    {
      return "no such setting; did you mean '\(near)'?"
    }
    if given.count == 1, case .table(let entries) = overlay.defaults {
      let words = entries.keys.sorted() + (overlay.defaults[path: "method"]?.tableValue?.keys.sorted() ?? [])
      if let near = nearest(to: given[0], in: words) { return "no such setting; did you mean '\(near)'?" }
    }
    if let near = nearest(to: given.joined(separator: "."), in: leaves) {
      return "no such setting; did you mean '\(near)'?"
    }
    let byLast = leaves.map { ($0, String($0.split(separator: ".").last ?? "")) }
    if let near = nearest(to: last, in: byLast.map(\.1)), let leaf = byLast.first(where: { $0.1 == near })?.0 {
      return "no such setting; did you mean '\(leaf)'?"
    }
    return "no such setting"
  }

}
