import Datasets
import Foundation
import LanguageModels
import Multimodal
import Records
import Torch

/// The prompts of a split with the labels of all classes, and what the tower makes of their pictures.
///
/// A tower is frozen: what it makes of a picture is kept, as far as memory is given, and only the projector runs anew.
final class FineTuningExamples {
  /// What of a sample is shown.
  enum Part: Int, CaseIterable {
    case whole
    /// Its picture is black and of its size.
    case textAlone
    /// Its text is left out.
    case imageAlone

    /// As conditions are called.
    var condition: String { ["full", "missing:image", "missing:text"][rawValue] }
  }

  private struct Key: Hashable {
    let row: Int
    let part: Part
  }
  private struct Entry {
    let prompt: LabelledPrompt
    /// Without its numbers.
    let picture: PreparedPicture?
    let pictureKey: String
  }

  let source: RawAuditSource
  let labels: [Int]
  private let opened: OpenedLanguageModel
  private let asking: LanguageModelAsking
  private let instruction: String
  private let usesFeatures: Bool
  private let limit: Int
  private var entries: [Key: Entry] = [:]
  private var features: [String: Tensor] = [:]
  private var bytes = 0

  /// - Parameters:
  ///   - usesFeatures: whether the projector is trained, so that its inputs are kept, not its outputs.
  ///   - limit: bytes that may be kept.
  init(_ opened: OpenedLanguageModel, _ source: RawAuditSource, usesFeatures: Bool, limit: Int) throws {
    self.opened = opened
    self.source = source
    self.usesFeatures = usesFeatures
    self.limit = limit
    guard !source.samples.isMultiLabel, let all = source.samples.labels else {
      throw Diagnosis(
        "the model learns to answer with one class, and samples have several labels", place: source.name,
        exitStatus: .input)
    }
    labels = try zip(all, source.samples.ids).map { own, id in
      guard let label = own.first else {
        throw Diagnosis(
          "sample '\(id.escapedForTerminal.clipped(60))' has no label", place: source.name, exitStatus: .input)
      }
      return label
    }
    asking = try LanguageModelAsking(opened, source, classes: source.samples.classes)
    instruction = opened.instruction(for: source.samples.classes)
  }

  var count: Int { labels.count }

  /// The parts that differ for the model: one that reads text only knows no picture.
  var parts: [Part] { opened.model.seesPictures ? Part.allCases : [.whole, .imageAlone] }

  private func cells(_ row: Int, _ part: Part) -> [AuditCell] {
    source.modalities.map { name in
      let isMissing = (part == .textAlone && name == "image") || (part == .imageAlone && name == "text")
      return AuditCell(row: Int32(row), view: isMissing ? .missing : .own)
    }
  }

  private func entry(_ row: Int, _ part: Part) throws -> Entry {
    let key = Key(row: row, part: part)
    if let known = entries[key], known.picture == nil || features[known.pictureKey] != nil { return known }
    let shown = try asking.shown(cells(row, part), owner: row)
    var picture: PreparedPicture?
    if let image = shown.picture {
      let prepared: PreparedPicture
      if features[shown.key] == nil {
        let (own, found) = try opened.features(of: image)
        prepared = own
        let made = try usesFeatures ? found : withoutGradients { try opened.model.rows(from: found, of: own) }
        let size = made.count * made.elementType.byteCount
        // What is beyond the limit lasts until the next is made.
        if bytes + size > limit { (features, bytes) = ([:], 0) }
        features[shown.key] = made
        bytes += size
      } else {
        prepared = try opened.model.prepare(image)
      }
      picture = PreparedPicture(
        values: [], shape: prepared.shape, layout: prepared.layout, tokenCount: prepared.tokenCount)
    }
    let prompt = try opened.labelled(
      of: source.samples.classes, asked: instruction, picture: picture, text: shown.text)
    let entry = Entry(prompt: prompt, picture: picture, pictureKey: shown.key)
    entries[key] = entry
    return entry
  }

  /// A prompt, and the rows of its pictures as the projector makes them now.
  func example(_ row: Int, _ part: Part) throws -> (prompt: LabelledPrompt, rows: [Tensor]) {
    let entry = try entry(row, part)
    guard let picture = entry.picture, let kept = features[entry.pictureKey] else { return (entry.prompt, []) }
    let rows = try usesFeatures ? opened.model.rows(from: kept, of: picture) : kept
    return (entry.prompt, entry.prompt.prompt.pictures.map { _ in rows })
  }

  /// The first prompt as it would be written.
  func written() throws -> String { try asking.example(0) }

  /// Adds to a digest all that the samples are.
  func identify(into bytes: inout [UInt8]) throws {
    for row in labels.indices {
      try source.identify(cells(row, .whole), into: &bytes)
      bytes += Array(" \(labels[row])\n".utf8)
    }
  }

  /// The accuracy, by Σ log p of labels, and the mean of −log softmax over the classes.
  func score(
    _ part: Part, batchSize: Int, stop: StopFlag, progress: (Int) -> Void
  ) throws -> (accuracy: Double, loss: Double) {
    var (right, loss) = (0, 0.0)
    for start in stride(from: 0, to: count, by: batchSize) {
      if stop.isRequested { throw CancellationError() }
      let rows = Array(start..<min(start + batchSize, count))
      try withoutGradients {
        let examples = try rows.map { try example($0, part) }
        let sums = try opened.model.labelSums(examples.map(\.prompt), rows: examples.map(\.rows)).to(.float64)
        let width = sums.shape[1]
        let logs = try sums.logSoftmax(1).array(of: Double.self)
        for (place, row) in rows.enumerated() {
          let own = Array(logs[(place * width)..<((place + 1) * width)])
          if LabelLikelihood.prediction(own) == labels[row] { right += 1 }
          loss -= own[labels[row]]
        }
      }
      progress(rows.count)
    }
    return (Double(right) / Double(max(count, 1)), loss / Double(max(count, 1)))
  }
}
