package import Foundation
import Yams

/// Lays files and `key=value` words over defaults, and tells everything that does not fit at once.
///
/// Keys match ignoring case, `-` and `_`. A key that the root lacks is tried under `method.`; a single word that names
/// exactly one leaf there is that leaf, so `lambda0=0.2` is `method.ramp.lambda0=0.2`. A plain value given to a table
/// goes to its `form`, `name` or (true and false) `enabled`: `schedule=cosine`, `optimizer=sgd`, `projection=false`.
/// The default's type is the setting's type; a whole number will do for a number. An empty default table takes any keys.
public struct ConfigurationResolver: Sendable {
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
    var work = ConfigurationLayering(overlay: self)
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
      if let root = try? ConfigurationLayering.root(of: file), let found = scalar(at: keys[...], in: root) {
        answer = found
      }
    }
    for setting in settings {
      guard let (key, value) = ConfigurationLayering.split(setting) else { continue }
      let given = key.split(separator: ".").map { String($0).tolerantKey }
      if given == keys || (given == keys.dropLast() && !value.hasPrefix("{")) {
        answer = (try? ConfigurationLayering.node(ofValue: value))??.scalar?.string ?? value
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
