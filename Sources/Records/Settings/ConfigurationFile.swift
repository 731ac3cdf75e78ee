public import Foundation

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
