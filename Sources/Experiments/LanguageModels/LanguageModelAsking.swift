import Auditing
import Datasets
import Foundation
import LanguageModels
import Multimodal
import Records

/// A language model that is asked about the samples of an audit.
///
/// What a sample lacks is left out of its prompt with its line; a silently missing picture is black and of the sample's
/// picture's size, so that it becomes as many tokens; a silently missing text is an absent one, for prompts know no
/// difference.
final class LanguageModelAsking {
  /// What becomes of an answer.
  enum Form: Equatable {
    /// Likelihoods of labels, scored so.
    case scores(LabelScore)
    /// The label that is written where only labels may be.
    case constrained
    /// What is written freely, with so many tokens at most; what names no class is no answer.
    case free(tokens: Int)

    var words: String {
      switch self {
      case .scores(let form): "likelihood \(form.rawValue)"
      case .constrained: "constrained"
      case .free(let tokens): "free \(tokens)"
      }
    }
  }

  private let opened: OpenedLanguageModel
  private let source: RawAuditSource
  /// Of the data, as the model is to write them.
  private let classes: [String]
  private let instruction: String
  private let imagePlace: Int?
  private let textPlace: Int?
  private var null: LabelLikelihood?
  /// Scores by what was shown.
  private var known: [String: [Double]] = [:]
  /// How many answers were computed, and in how many seconds.
  private(set) var asked = 0
  private(set) var seconds = 0.0

  init(_ opened: OpenedLanguageModel, _ source: RawAuditSource, classes: [String]) throws {
    guard !source.modalities.contains(RawInput.Kind.audio.rawValue) else {
      throw Diagnosis(
        "the model is asked about pictures and texts, and the data holds sounds", exitStatus: .usage)
    }
    self.opened = opened
    self.source = source
    self.classes = classes
    instruction = opened.instruction(for: classes)
    imagePlace = source.modalities.firstIndex(of: RawInput.Kind.image.rawValue)
    textPlace = source.modalities.firstIndex(of: RawInput.Kind.text.rawValue)
  }

  // MARK: What is shown

  /// - Parameter owner: whose picture a missing one is as large as.
  func shown(_ cells: [AuditCell], owner: Int) throws -> OpenedLanguageModel.Shown {
    var shown = OpenedLanguageModel.Shown()
    if let textPlace, case .text(let text)? = try source.inputs(cells[textPlace], textPlace)?.first {
      shown.text = text.allSatisfy(\.isWhitespace) ? nil : text
    }
    guard let imagePlace, opened.model.seesPictures else { return shown }
    let cell = cells[imagePlace]
    if cell.view == .missing {
      // Where a sample has no picture, the usual black one.
      let own = AuditCell(row: Int32(owner), view: .own)
      guard case .image(let picture)? = try source.inputs(own, imagePlace)?.first else {
        shown.picture = .black
        shown.key = "black"
        return shown
      }
      shown.picture = .black(like: picture)
      shown.key = "black \(picture.width) × \(picture.height)"
      return shown
    }
    guard case .image(let picture)? = try source.inputs(cell, imagePlace)?.first else { return shown }
    shown.picture = picture
    shown.key = "\(cell.row) \(cell.view)"
    return shown
  }

  /// Requests with one picture after the other, so that each is looked at once.
  private func ordered(_ requests: [Int], _ plan: AuditPlan) -> [Int] {
    guard let imagePlace else { return requests }
    let keyed = requests.map { request -> (row: Int32, view: String, request: Int) in
      let cell = plan.shown(request)[imagePlace]
      return (cell.row, "\(cell.view)", request)
    }
    return keyed.sorted { ($0.row, $0.view, $0.request) < ($1.row, $1.view, $1.request) }.map(\.request)
  }

  // MARK: Asking

  /// Asks for everything that is not known.
  ///
  /// - Parameter answers: the classes of an answer: those of the data, and where answers are free one more for none.
  func run(
    _ plan: AuditPlan, _ store: AnswerStore, _ answers: AnswerClasses, _ form: Form, stop: StopFlag, events: EventSink
  ) throws {
    let wanted = ordered(store.unanswered.map(Int.init), plan)
    for request in wanted {
      if stop.isRequested { throw CancellationError() }
      let shown = try shown(plan.shown(request), owner: plan.owner(request))
      let values = try answer(shown, form, width: answers.count)
      let kind: AnswerForm = if case .scores = form { .logits } else { .label }
      try store.take([(request, ModelScores(form: kind, values: try answers.checked(values, kind).values))])
      events(.progress(label: "Asking", done: store.answered, total: plan.count, detail: "prompts"))
    }
    try store.synchronize()
  }

  private func answer(_ shown: OpenedLanguageModel.Shown, _ form: Form, width: Int) throws -> [Double] {
    let name = "\(shown.picture == nil ? "-" : shown.key)\n\(shown.text ?? "")"
    if let found = known[name] { return found }
    let begun = ContinuousClock.now
    var values = [Double](repeating: 0, count: width)
    switch form {
    case .scores(let score):
      values = try likelihood(shown).scores(score, null: score == .pmi ? nullLikelihood() : nil)
    case .constrained:
      values[try opened.constrainedAnswer(among: classes, asked: instruction, shown)] = 1
    case .free(let tokens):
      var generation = GenerationSettings()
      generation.maximumTokens = tokens
      let text = try opened.answer(to: instruction, shown, generation).text
      values[WrittenLabel.parse(text, classes: classes) ?? classes.count] = 1
    }
    asked += 1
    seconds += (ContinuousClock.now - begun) / .seconds(1)
    known[name] = values
    return values
  }

  /// - Parameter roles: whose tokens no token of another role sees.
  func likelihood(_ shown: OpenedLanguageModel.Shown, hiding roles: Set<TokenRole> = []) throws -> LabelLikelihood {
    try opened.likelihood(of: classes, asked: instruction, shown, hiding: roles)
  }

  func nullLikelihood() throws -> LabelLikelihood {
    if let null { return null }
    let found = try opened.nullLikelihood(of: classes, asked: instruction)
    null = found
    return found
  }

  /// Whether labels differ in their first token already.
  func differInFirstToken() throws -> Bool { try opened.differInFirstToken(classes, asked: instruction) }

  /// The first sample's prompt as it would be written.
  func example(_ row: Int) throws -> String {
    let cells = source.modalities.indices.map { _ in AuditCell(row: Int32(row), view: .own) }
    return try opened.written(asked: instruction, shown(cells, owner: row))
  }

  // MARK: Choosing a score

  /// What was measured of a sample.
  private struct Measured: Codable {
    var row: Int
    var tokens: [[Double]]
    var bytes: [Int]
  }

  /// The likelihoods of samples as they are, with their labels.
  ///
  /// - Parameter url: where they are kept while they are measured, so that what was broken off goes on.
  func measured(
    keptIn url: URL, stop: StopFlag, events: EventSink
  ) throws -> [(likelihood: LabelLikelihood, label: Int)] {
    guard let labels = source.samples.labels else { return [] }
    let writer = try JSONLinesWriter(resuming: url, where: "row", isBelow: labels.count)
    let kept: [Measured] = try JSONLines.read(from: url)
    let known = Dictionary(
      kept.map { ($0.row, LabelLikelihood(tokens: $0.tokens, bytes: $0.bytes)) }, uniquingKeysWith: { _, last in last })
    return try labels.indices.compactMap { row in
      if stop.isRequested {
        try writer.close()
        throw CancellationError()
      }
      guard let label = labels[row].first else { return nil }
      if let found = known[row] { return (found, label) }
      let cells = source.modalities.indices.map { _ in AuditCell(row: Int32(row), view: .own) }
      let found = try likelihood(shown(cells, owner: row))
      try writer.append(Measured(row: row, tokens: found.tokens, bytes: found.bytes))
      try writer.flush()
      events(.progress(label: "Choosing", done: row + 1, total: labels.count, detail: "validation samples"))
      return (found, label)
    }
  }
}
