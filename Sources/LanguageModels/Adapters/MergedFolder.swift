import Encoders
public import Foundation
import Records
import Torch

/// Writes a model and its adapter as one plain checkpoint folder, which needs neither.
public enum MergedFolder {
  /// - Parameters:
  ///   - adapter: at the maps of the model that `folder` was read as.
  ///   - keepsType: whether merged weights are rounded to the type in which the folder stores them; else they are float32.
  /// - Returns: how many weights were changed.
  /// - Throws: a `Diagnosis` of MokA, and where `url` holds something already.
  @discardableResult
  public static func write(
    _ adapter: ModelAdapter, of folder: LanguageModelFolder, to url: URL, keepsType: Bool = true
  ) throws -> Int {
    let files = FileManager.default
    guard (try? files.contentsOfDirectory(atPath: url.path))?.isEmpty ?? true else {
      throw Diagnosis(
        "the folder is not empty", place: url.relativePath, remedy: "choose another --out", exitStatus: .usage)
    }
    let stored = try LanguageModelFolder.open(folder.url)
    var changes: [String: Tensor] = [:]
    for (name, weight, bias) in try adapter.merged() {
      for (part, value) in [("weight", weight), ("bias", bias)] {
        guard let value else { continue }
        let names = spellings("\(name).\(part)", folder.family)
        guard let own = names.first(where: { name in stored.contains { $0.entry(name) != nil } }) else {
          throw Diagnosis("the checkpoint has no '\(name).\(part)'", place: folder.url.relativePath, exitStatus: .input)
        }
        changes[own] = value
      }
    }
    var tensors: [(String, Tensor)] = []
    for file in stored {
      for entry in file.entries where !isDropped(entry.name, folder) {
        guard let change = changes[entry.name] else {
          tensors.append((entry.name, try file.tensor(entry.name)))
          continue
        }
        tensors.append((entry.name, keepsType ? try change.to(entry.type) : change))
      }
    }
    try Diagnosis.placing(url) {
      try files.createDirectory(at: url, withIntermediateDirectories: true)
      for name in try files.contentsOfDirectory(atPath: folder.url.path).sorted() where isCopied(name) {
        try files.copyItem(
          at: folder.url.appending(path: name).resolvingSymlinksInPath(), to: url.appending(path: name))
      }
    }
    try AtomicFile.write(Data(configuration(folder).utf8), to: url.appending(path: "config.json"))
    // Last: a folder with weights is a whole one.
    try SafeTensors.write(tensors, metadata: ["format": "pt"], to: url.appending(path: "model.safetensors"))
    return changes.count
  }

  /// A module's name as files of that family may spell it.
  private static func spellings(_ name: String, _ family: String) -> [String] {
    let prefix = ModelAdapter.decoderPrefix(family)
    guard name.hasPrefix(prefix + "layers.") else { return [name, String(name.trimmingPrefix("model."))] }
    return ModelAdapter.spellings(family).map { $0 + name.dropFirst(prefix.count) }
  }

  /// Whether a tensor is of a layer of the decoder that is not taken.
  private static func isDropped(_ name: String, _ folder: LanguageModelFolder) -> Bool {
    guard let layers = folder.layers else { return false }
    return ModelAdapter.spellings(folder.family).contains { spelling in
      guard name.hasPrefix(spelling + "layers.") else { return false }
      let number = name.dropFirst(spelling.count + "layers.".count).prefix { $0 != "." }
      return Int(number).map { $0 >= layers } ?? false
    }
  }

  private static func isCopied(_ name: String) -> Bool {
    guard name != "config.json", !name.hasSuffix(".index.json"), !name.hasPrefix(".") else { return false }
    return ["json", "txt", "jinja", "model", "md"].contains { name.hasSuffix(".\($0)") }
      || ["LICENSE", "NOTICE"].contains(name)
  }

  /// `config.json` with the number of layers that were taken.
  private static func configuration(_ folder: LanguageModelFolder) -> String {
    var table = folder.configuration.table
    if let layers = folder.layers {
      let key = "num_hidden_layers"
      if var text = table["text_config"]?.tableValue {
        text[key] = .int(layers)
        table["text_config"] = .table(text)
      }
      if table["text_config"] == nil || table[key] != nil { table[key] = .int(layers) }
    }
    return Tree.table(table).json(.pretty) + "\n"
  }
}
