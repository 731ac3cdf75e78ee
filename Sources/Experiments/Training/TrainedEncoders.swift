import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

// Encoders that are trained with the model: which, what of them stays as it begins, and how fast the rest moves.

extension RunBuilder {
  /// The encoders that a configuration names, each fit for its modality's samples.
  ///
  /// - Parameter settings: `model.encoders`.
  static func encoders(_ settings: Tree, _ set: FeatureSet) throws -> [Modality: TrainedNetwork] {
    // A setting for a modality that is left out is no mistake.
    let named = (settings.tableValue ?? [:]).filter { !set.leftOut.contains($0.key) }
    let modalities = set.manifest.modalities
    if let unknown = named.keys.sorted().first(where: { !modalities.contains($0) }) {
      throw Diagnosis(
        "there is no modality '\(unknown)' to have an encoder", place: "model.encoders",
        found: ["the data has \(modalities.joined(separator: ", "))"],
        remedy: nearest(to: unknown, in: modalities).map { "did you mean '\($0)'?" }, exitStatus: .usage)
    }
    var encoders: [Modality: TrainedNetwork] = [:]
    for (modality, form) in zip(set.modalities, set.forms) {
      guard let setting = named[modality.name], setting != .null, setting.stringValue != "none" else {
        guard !form.needsEncoder else { throw needsEncoder(modality, form, set) }
        continue
      }
      guard let name = setting.stringValue ?? setting[path: "name"]?.stringValue else {
        throw Diagnosis(
          "an encoder is a name or a table of name and pooling", place: "model.encoders.\(modality)",
          exitStatus: .usage)
      }
      guard form.needsEncoder else {
        throw Diagnosis(
          "'\(modality)' is features already, and the encoder '\(name)' reads pixels or tokens",
          place: set.folder.relativePath,
          remedy: "seesaw encode RAW --out DATA --image-encoder pixels:64, or --text-encoder tokens:FOLDER",
          exitStatus: .usage)
      }
      let pooling = try setting[path: "pooling"]?.stringValue.map { word in
        guard let pooling = Pooling(rawValue: word) else {
          throw Diagnosis(
            "'\(word)' is not one of \(Pooling.allCases.map(\.rawValue).joined(separator: ", "))",
            place: "model.encoders.\(modality).pooling", exitStatus: .usage)
        }
        return pooling
      }
      encoders[modality] = try TrainedNetwork(name, reading: form, pooling: pooling)
    }
    return encoders
  }

  private static func needsEncoder(_ modality: Modality, _ form: InputForm, _ set: FeatureSet) -> Diagnosis {
    let remedy =
      if case .pixels = form {
        "--set model.encoders.\(modality)=\(TrainedArchitecture.smallCNN.rawValue), or another of "
          + TrainedArchitecture.allCases.dropFirst().map(\.rawValue).joined(separator: ", ")
          + ", or a checkpoint's folder"
      } else {
        "--set model.encoders.\(modality)=FOLDER, the checkpoint whose tokens they are"
      }
    return Diagnosis(
      "'\(modality)' is \(form.words) a sample, of which an encoder must make features", place: set.folder.relativePath,
      remedy: remedy, exitStatus: .usage)
  }

  /// The digests of all that the run depends on: the data's files, and the checkpoints that its encoders begin as.
  var digests: [String: String] {
    var digests = data.digests
    for (modality, encoder) in encoders { digests["\(modality.encoder)"] = encoder.sha256 }
    digests.merge(viewDigests) { own, _ in own }
    return digests
  }

  /// The digests of a run's record that are of data.
  static func ofData(_ digests: [String: String]) -> [String: String] {
    digests.filter { !$0.key.hasPrefix("encoder.") }
  }

  // MARK: Parameters by path

  /// Keeps the parameters of `training.frozen` as they begin.
  func freeze(in store: ParameterStore) throws {
    for name in configuration.training.frozen where !isLeftOut(name) {
      let path = try Self.path(name, in: store, setting: "training.frozen")
      try store.freeze(path)
    }
    guard store.trainable.isEmpty else { return }
    throw Diagnosis(
      "every parameter is frozen, and nothing is left to train", place: "training.frozen", exitStatus: .usage)
  }

  /// Gives parameters the rates of `optimizer.learning_rates`; where several paths hold, the longest does.
  func setLearningRates(in store: ParameterStore) throws {
    let setting = "optimizer.learning_rates"
    let words = configuration.optimizer.learningRates.filter { !isLeftOut(String($0.prefix { $0 != "=" })) }
    let rates = try words.map { word in
      let parts = word.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, let rate = Double(parts[1].trimmingCharacters(in: .whitespaces)), rate.isFinite, rate >= 0
      else {
        throw Diagnosis(
          "'\(word)' is not path=rate", place: setting, remedy: "--set '\(setting)=[encoder=1e-5]'", exitStatus: .usage)
      }
      let path = try Self.path(parts[0].trimmingCharacters(in: .whitespaces), in: store, setting: setting)
      return (path, rate)
    }
    for (path, rate) in rates.sorted(by: { $0.0.components.count < $1.0.components.count }) {
      store.scaleLearningRate(of: path, by: rate / configuration.optimizer.learningRate)
    }
  }

  /// Whether a path is of parameters of a modality that the data had and the run is not shown.
  private func isLeftOut(_ path: String) -> Bool {
    let components = ParameterPath(path.trimmingCharacters(in: .whitespaces)).components
    return data.set.leftOut.contains { components.first == $0 || components.dropFirst().first == $0 }
  }

  /// A path at or below which there are parameters.
  private static func path(_ name: String, in store: ParameterStore, setting: String) throws -> ParameterPath {
    let path = ParameterPath(name)
    guard path.components.isEmpty || store.indices(within: path).isEmpty else { return path }
    var known: Set<String> = []
    for parameter in store.parameters {
      let components = parameter.path.components
      for count in 1...components.count { known.insert(components.prefix(count).joined(separator: ".")) }
    }
    // Beside what there is of it, or else at the top.
    let depth = (0..<path.components.count).last { count in
      known.contains(path.components.prefix(count).joined(separator: "."))
    }
    let start = path.components.prefix(depth ?? 0)
    let siblings = known.map { ParameterPath($0) }
      .filter { $0.components.count == start.count + 1 && $0.components.starts(with: start) }
      .map(\.description).sorted()
    let shown = siblings.prefix(12).joined(separator: ", ") + (siblings.count > 12 ? ", …" : "")
    throw Diagnosis(
      "no parameter is at or below '\(name)'", place: setting, found: ["there is \(shown)"],
      remedy: nearest(to: name, in: known.sorted()).map { "did you mean '\($0)'?" }, exitStatus: .usage)
  }
}
