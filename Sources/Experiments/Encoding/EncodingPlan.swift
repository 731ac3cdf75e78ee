import Datasets
import Encoders
import Evaluation
import Foundation
import Multimodal
import Records

/// Which training views an encoding makes.
public enum EncodeViews: Sendable, Equatable {
  /// Noisy ones, by encoders that come with Seesaw, and by others where the cost is small.
  case usual
  case none
  /// Those under the impairments of these names, whatever they cost.
  case named([String])

  /// `none`, `train` (noisy ones), or names of impairments: `noisy,blur`.
  public init(_ words: String) {
    let names = words.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    switch names {
    case ["none"], []: self = .none
    case ["train"]: self = .named([ImpairedCondition.noisy.rawValue])
    default: self = .named(names)
    }
  }
}

/// What an encoding makes besides the clean features: the conditions of the test split, and views of the others.
struct EncodingPlan {
  /// One impairment of a kind of input.
  struct Condition {
    /// `noisy`, `blur`.
    let name: String
    let impairment: any RawImpairment
  }

  /// By kind of input, `noisy` first.
  let conditions: [RawInput.Kind: [Condition]]
  /// The names of what the training split is seen under.
  let training: [RawInput.Kind: [String]]
  /// The kinds of which the validation split is encoded under every condition.
  let validation: Set<RawInput.Kind>
  let draws: Int
  /// Whether training sees pictures also with left and right exchanged.
  let flip: Bool
  /// What was chosen besides noise.
  let chosen: [ChosenImpairment]
  /// What a person should know before the work begins.
  let notes: [String]

  /// An encoder that takes its time encodes no more inputs than that for views that nobody asked for.
  static let usualLimit = 20_000

  /// - Parameter counts: inputs of the training and validation splits, by kind of input.
  init(
    _ request: EncodeRequest, _ settings: EncodeSettings, _ encoders: [(kind: RawInput.Kind, encoder: any RawEncoder)],
    counts: [RawInput.Kind: (train: Int, validation: Int)]
  ) throws {
    let kinds = encoders.map(\.kind)
    let chosen = try ChosenImpairment.parse(request.impairments, kinds: kinds)
    self.chosen = chosen
    draws = request.viewDraws
    flip = request.flip
    guard draws > 0, draws <= 100 else {
      throw Diagnosis("--view-draws is \(draws), must be from 1 to 100", exitStatus: .usage)
    }
    var conditions: [RawInput.Kind: [Condition]] = [:]
    for kind in kinds {
      let noisy = ImpairedCondition.noisy.rawValue
      conditions[kind] = [Condition(name: noisy, impairment: settings.impairments.impairment(.noisy, of: kind))]
      for level in settings.noiseLevels {
        var stronger = settings.impairments
        stronger.noisyPixels = level
        stronger.deletedTokens = level
        stronger.noisySamples = level
        conditions[kind]?.append(
          Condition(name: "\(noisy)-\(level)", impairment: stronger.impairment(.noisy, of: kind)))
      }
      conditions[kind]? += chosen.filter { $0.impairment.kind == kind }.map {
        Condition(name: $0.name, impairment: $0.raw)
      }
    }
    self.conditions = conditions

    var training: [RawInput.Kind: [String]] = [:]
    var validation: Set<RawInput.Kind> = []
    var notes: [String] = []
    if case .named(let names) = request.views {
      let known = Set(conditions.values.flatMap { $0.map(\.name) })
      if let unknown = names.first(where: { !known.contains($0) }) {
        throw Diagnosis(
          "there is no condition '\(unknown)' that training could see", place: "--views",
          found: ["there are \(known.sorted().joined(separator: ", "))"],
          remedy: "name it in --impairments too; --views train takes noisy", exitStatus: .usage)
      }
    }
    for (kind, encoder) in encoders {
      let own = (conditions[kind] ?? []).map(\.name)
      let wanted: [String]
      switch request.views {
      case .none: continue
      case .named(let names): wanted = own.filter(names.contains)
      case .usual: wanted = [ImpairedCondition.noisy.rawValue]
      }
      // What an encoder that is trained reads is impaired when it is visited.
      let seen = encoder.form.needsEncoder ? [] : wanted
      let (train, held) = counts[kind] ?? (0, 0)
      let more = train * seen.count * draws + held * own.count
      if request.views == .usual, !(encoder is any BuiltInEncoder), more > Self.usualLimit {
        notes.append(
          "no views of the \(kind.rawValue)s for training are encoded: they would be \(grouped(more)) more inputs; "
            + "--views train encodes them")
        continue
      }
      if !seen.isEmpty { training[kind] = seen }
      validation.insert(kind)
    }
    self.training = training
    self.validation = validation
    self.notes = notes
  }

  /// Whether anything is made besides the clean features and the test split's conditions.
  var hasViews: Bool { !training.isEmpty || !validation.isEmpty }

  /// What the impairments that were chosen come to, for what must be the same; nil where there are none.
  var chosenWords: String? { chosen.isEmpty ? nil : chosen.map(\.words).sorted().joined(separator: ",") }

  /// The same of the views.
  var viewWords: String {
    guard hasViews else { return "none" }
    let trained = training.sorted { $0.key.rawValue < $1.key.rawValue }
      .map { "\($0.key.rawValue) \($0.value.joined(separator: " "))" }
    return (trained + ["validation " + validation.map(\.rawValue).sorted().joined(separator: " "), "draws \(draws)"])
      .joined(separator: ", ")
  }

  /// What training sees, by modality, for people and programs; nil where it sees nothing.
  var trainingByName: [String: [String]]? {
    training.isEmpty ? nil : Dictionary(uniqueKeysWithValues: training.map { ($0.key.rawValue, $0.value) })
  }
}

/// Which views a feature set has: `views.json`, beside `dataset.json`, which says nothing of them.
///
/// So what does not look at views does not depend on whether there are any.
struct ViewRecord: Codable, Equatable {
  static let file = "views.json"

  /// Names all that the views depend on.
  var key: String
  /// The impairments that training sees, by modality.
  var training: [String: [String]]
  /// The modalities of which the validation split is there under every condition.
  var validation: [String]
  /// How many draws there are of each training view.
  var draws: Int

  init(_ plan: EncodingPlan, key: String) {
    self.key = key
    training = plan.trainingByName ?? [:]
    validation = plan.validation.map(\.rawValue).sorted()
    draws = plan.draws
  }

  /// - Parameter key: of the features themselves.
  static func key(_ plan: EncodingPlan, of key: String) -> String {
    FileDigest.sha256(of: "\(key)\n\(plan.viewWords)")
  }

  static func read(in folder: URL) -> ViewRecord? { try? Tree.read(from: folder.appending(path: file)) }

  func write(to folder: URL) throws {
    let text = try Tree(encoding: self, keys: .asNamed).json(.pretty) + "\n"
    try AtomicFile.write(Data(text.utf8), to: folder.appending(path: Self.file))
  }
}
