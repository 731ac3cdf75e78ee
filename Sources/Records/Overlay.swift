public import Foundation
import Yams

/// A configuration file as read, with the name under which errors mention it.
public struct ConfigurationFile: Equatable, Sendable {
  /// What to call it in messages.
  public var name: String
  /// YAML or JSON.
  public var text: String

  public init(name: String, text: String) {
    self.name = name
    self.text = text
  }

  /// - Throws: a ``Diagnosis`` where it cannot be read, is not UTF-8 or is larger than a mebibyte.
  public init(reading url: URL) throws {
    name = url.relativePath
    // Not only regular files: a shell may put a pipe here.
    let data = try Diagnosis.placing(url) {
      let handle = try FileHandle(forReadingFrom: url)
      return try handle.read(upToCount: 1 << 20 + 1) ?? Data()
    }
    guard data.count <= 1 << 20 else {
      throw Diagnosis("a configuration of more than a mebibyte", place: name, exitStatus: .usage)
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw Diagnosis("the file is not UTF-8 text", place: name, exitStatus: .input)
    }
    self.text = text
  }
}

/// A configuration with everything laid over it.
public struct ResolvedConfiguration: Equatable, Sendable {
  /// With exactly the keys of the defaults.
  public var tree: Tree
  /// Where each leaf has its value from: `default`, `hm.yaml:3` or `--set`.
  public var provenance: [String: String]

  public init(tree: Tree, provenance: [String: String]) {
    self.tree = tree
    self.provenance = provenance
  }
}

/// Lays files and `key=value` words over defaults, and tells everything that does not fit at once.
///
/// Keys match ignoring case, `-` and `_`. A key that the root lacks is tried under `method.`; a single word that names
/// exactly one leaf there is that leaf, so `lambda0=0.2` is `method.ramp.lambda0=0.2`. A plain value given to a table
/// goes to its `form`, `name` or (true and false) `enabled`: `schedule=cosine`, `optimizer=sgd`, `projection=false`.
/// The default's type is the setting's type; a whole number will do for a number. An empty default table takes any keys.
public struct Overlay: Sendable {
  /// Every setting there is, with its default.
  public let defaults: Tree
  /// What values may be, by path.
  public let rules: [String: SettingRule]

  /// More nodes than this in one file (aliases counted as often as they are used) are refused.
  static let mostNodes = 20_000
  static let deepest = 32

  public init(defaults: Tree, rules: [String: SettingRule] = [:]) {
    self.defaults = defaults
    self.rules = rules
  }

  /// The defaults with the files, then the settings laid over them; what comes later wins.
  ///
  /// - Throws: ``ConfigurationProblems`` with all that is wrong.
  public func resolve(files: [ConfigurationFile] = [], settings: [String] = []) throws -> ResolvedConfiguration {
    var work = OverlayWork(overlay: self)
    for file in files { work.lay(file) }
    for setting in settings { work.lay(setting: setting) }
    guard work.problems.isEmpty else { throw ConfigurationProblems(work.problems) }
    return ResolvedConfiguration(tree: work.tree, provenance: work.provenance)
  }

  /// What files and settings say at a path, unchecked: to learn the method before its defaults can be known.
  ///
  /// A plain value where the path's table is wanted counts: `method=balgrad` answers `method.name`.
  public static func peek(_ path: String, files: [ConfigurationFile] = [], settings: [String] = []) -> String? {
    let keys = path.split(separator: ".").map { String($0).tolerantKey }
    var answer: String?
    for file in files {
      if let root = try? OverlayWork.root(of: file), let found = scalar(at: keys[...], in: root) { answer = found }
    }
    for setting in settings {
      guard let (key, value) = OverlayWork.split(setting) else { continue }
      let given = key.split(separator: ".").map { String($0).tolerantKey }
      if given == keys || (given == keys.dropLast() && !value.hasPrefix("{")) {
        answer = (try? OverlayWork.node(ofValue: value))??.scalar?.string ?? value
      }
    }
    return answer
  }

  private static func scalar(at keys: ArraySlice<String>, in node: Node) -> String? {
    guard case .mapping(let pairs) = node else {
      // At most the last key may be left: the value stands for its table's name.
      return keys.count < 2 ? node.scalar?.string : nil
    }
    var answer: String?
    for (key, value) in pairs {
      let written = (key.scalar?.string ?? "").split(separator: ".").map { String($0).tolerantKey }
      guard !written.isEmpty, keys.starts(with: written) else { continue }
      answer = scalar(at: keys.dropFirst(written.count), in: value) ?? answer
    }
    return answer
  }
}

extension Diagnosis {
  /// Runs something that touches a file, and says which file where it fails.
  package static func placing<T>(_ url: URL, _ body: () throws -> T) throws -> T {
    do { return try body() } catch let error as any Diagnosable { throw error } catch {
      var diagnosis = Diagnosis(describing: error)
      if diagnosis.exitStatus != .defect { diagnosis.place = url.relativePath }
      throw diagnosis
    }
  }
}

/// The tree as it grows, and the problems met on the way.
private struct OverlayWork {
  let overlay: Overlay
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

  init(overlay: Overlay) {
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
      var budget = Overlay.mostNodes
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
      var budget = Overlay.mostNodes
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
    if budget < 0 { return "more than \(Overlay.mostNodes) values, with every alias written out" }
    if depth > Overlay.deepest { return "nested deeper than \(Overlay.deepest) levels" }
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

  // MARK: Values

  struct Mismatch: Error { let what: String }

  func convert(_ node: Node, like current: Tree) -> Result<Tree, Mismatch> {
    func needs(_ what: String) -> Result<Tree, Mismatch> {
      .failure(Mismatch(what: "\(what) is needed, found \(described(node))"))
    }
    switch current {
    case .null, .table: return .success(Self.plain(node))
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
