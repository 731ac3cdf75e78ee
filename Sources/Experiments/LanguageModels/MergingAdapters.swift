public import Foundation
import LanguageModels
import Records

extension Experiment {
  /// Writes a model with its adapter as one checkpoint folder.
  ///
  /// - Parameter keepsType: whether merged weights are rounded to the type in which the model stores them; else they are
  ///   float32.
  /// - Returns: how many weights were changed.
  public static func merge(model: URL, adapter: URL, to folder: URL, keepsType: Bool = true) throws -> Int {
    let trained = try AdapterFolder(adapter)
    if trained.tower != nil {
      throw Diagnosis(
        "a model with a tower put before it cannot be written as one folder", place: adapter.relativePath,
        remedy: "use it with --adapter and --tower", exitStatus: .usage)
    }
    let source = try LanguageModelFolder(model, layers: trained.layers)
    return try MergedFolder.write(trained.install(on: source.load()), of: source, to: folder, keepsType: keepsType)
  }
}
