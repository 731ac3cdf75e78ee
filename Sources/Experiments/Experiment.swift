import Balancing
public import Foundation
public import Records
// What trains also predicts.
@_exported public import SeesawPredict

/// The work behind the command: everything here can be called from a program too.
public enum Experiment {
  /// The version of Seesaw, as records write it; the one place where it stands.
  public static let version = "0.2.0"

  /// A configuration with files and settings laid over the defaults of its method.
  ///
  /// - Throws: `ConfigurationProblems` with all that is wrong, or `UnknownMethod`.
  public static func resolve(
    method: String? = nil, seed: Int? = nil, data: URL? = nil, files: [URL] = [], settings: [String] = []
  ) throws -> (configuration: RunConfiguration, resolved: ResolvedConfiguration) {
    let sources = try files.map(ConfigurationFile.init(reading:))
    let name =
      method ?? ConfigurationResolver.peek("method.name", files: sources, settings: settings)
      ?? RunConfiguration().methodName
    let entry = try MethodRegistry.entry(name)

    var defaults = try Tree(encoding: RunConfiguration())
    defaults[path: "method"] = entry.defaults.overlaid(with: ["name": .string(entry.card.name)])
    if entry.requirements.attentionFusion {
      defaults[path: "model.fusion"] = .string(FusionForm.crossAttention.rawValue)
    }
    let overlay = ConfigurationResolver(
      defaults: defaults, rules: RunConfiguration.rules.merging(entry.card.rules, uniquingKeysWith: { $1 }))
    var resolved = try overlay.resolve(files: sources, settings: settings)
    resolved.tree[path: "method.name"] = .string(entry.card.name)
    if let seed {
      guard seed >= 0 else { throw Diagnosis("the seed is \(seed), must be at least 0", exitStatus: .usage) }
      resolved.tree[path: "seed"] = .int(seed)
      resolved.provenance["seed"] = "--seed"
    }
    if let data {
      resolved.tree[path: "dataset"] = .string(data.standardizedFileURL.path)
      resolved.provenance["dataset"] = "command line"
    }
    if method != nil { resolved.provenance["method.name"] = "--method" }
    return (try resolved.tree.decode(RunConfiguration.self), resolved)
  }
}
