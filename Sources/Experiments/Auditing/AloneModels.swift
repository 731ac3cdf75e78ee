import Auditing
import Balancing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records

/// Models of each modality alone, trained on the data's own training split: what the data hold, whatever a model takes.
///
/// Raw inputs are encoded by the built-in encoders, and a classifier over them is trained as `diagnose` trains it. Features
/// and models lie in a folder, and are not made twice.
struct AloneModels {
  let folder: URL
  let jobs: Int
  let stop: StopFlag
  let events: EventSink

  /// What they say of some samples.
  struct Answers {
    /// By modality, rows × classes.
    let probabilities: [String: [Double]]
    /// By modality, of those models.
    let embeddings: [String: PredictionTable.Embedding]
    let note: String
  }

  /// - Parameters:
  ///   - data: a raw data set with a training split, or a feature set.
  ///   - ids: of the samples, which are of the test split.
  ///   - classes: in the order that answers have them.
  ///   - encoders: checkpoint folders for raw inputs; those that come with Seesaw for other kinds.
  /// - Throws: a `Diagnosis` where the data cannot be trained on, or does not have the samples.
  func answers(
    for data: URL, modalities: [String], ids: [String], classes: [String], settings: RawDatasetSettings,
    encoders: [RawInput.Kind: URL]
  ) throws -> Answers {
    let isFeatures = FileManager.default.fileExists(atPath: data.appending(path: "dataset.json").path)
    let features = isFeatures ? data : folder.appending(path: "features")
    if !isFeatures {
      var request = EncodeRequest(raw: data, out: features)
      request.views = .none
      request.usualEncoders = encoders
      request.renews = true
      request.followLinks = settings.followLinks
      request.layout = settings.layout.isEmpty ? nil : settings.layout
      request.variant = settings.variant.isEmpty ? nil : settings.variant
      _ = try Experiment.encode(request, stop: stop, events: progress(to: events, as: "Encoding"))
    }
    let loaded = try LoadedData(at: features)
    let set = loaded.set
    events(.phase("Training", "a model of each modality alone, on the training split"))
    var compare = CompareRequest(
      data: features,
      rows: modalities.map { name in
        ComparisonRow(
          label: "\(name) alone", method: UnimodalTraining.card.name,
          settings: ["method.modality=\(Tree.string(name).json())"])
      }, seeds: 1, out: folder.appending(path: "runs"))
    compare.jobs = jobs
    let plans = try Experiment.plans(of: compare)
    let runs = try Experiment.run(plans, loaded, jobs: jobs, stop: stop, events: progress(to: events, as: "Training"))
    let places = try rows(of: ids, in: set)
    let columns = set.manifest.classes.map { classes.firstIndex(of: $0) }
    var found: [String: [Double]] = [:]
    var embeddings: [String: PredictionTable.Embedding] = [:]
    for (name, run) in zip(modalities, runs) {
      guard let place = set.manifest.modalities.firstIndex(of: name) else { continue }
      let trial = try Experiment.finishedTrial(run.folder, data: loaded, events: { _ in })
      let answers = try trial.predictions(only: place)
      var values = [Double](repeating: 0, count: ids.count * classes.count)
      for (row, source) in places.enumerated() {
        for (column, target) in columns.enumerated() {
          guard let target else { continue }
          values[row * classes.count + target] = answers.probabilities[source * answers.classes + column]
        }
      }
      found[name] = values
      if let test = set.test { embeddings[name] = try trial.embedding(of: place, test, rows: places) }
    }
    return Answers(
      probabilities: found, embeddings: embeddings,
      note: isFeatures
        ? "models of one modality are classifiers that Seesaw trained on the training split's features"
        : "models of one modality are classifiers that Seesaw trained on the training split, on features of "
          + "\(Self.words(modalities, encoders)): a stronger encoder may find more")
  }

  private static func words(_ modalities: [String], _ encoders: [RawInput.Kind: URL]) -> String {
    let own = "its own"
    let names = modalities.map { RawInput.Kind(rawValue: $0).flatMap { encoders[$0]?.lastPathComponent } ?? own }
    return names.allSatisfy { $0 == own } ? own : zip(modalities, names).map { "\($0): \($1)" }.joined(separator: ", ")
  }

  /// Where samples are in the test split.
  private func rows(of ids: [String], in set: FeatureSet) throws -> [Int] {
    let names = try set.origins(of: "test")?.map(\.id) ?? (0..<(set.test?.count ?? 0)).map { "\($0)" }
    let places = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    return try ids.map { id in
      if let place = places[id] { return place }
      throw Diagnosis(
        "sample '\(id.escapedForTerminal.clipped(80))' is not in the test split, and models of one modality are trained on the rest",
        place: "--alone", remedy: "give the data a split column with training and test rows, or leave --alone out",
        exitStatus: .input)
    }
  }
}
