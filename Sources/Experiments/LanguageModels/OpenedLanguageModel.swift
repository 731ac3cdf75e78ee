public import Encoders
public import Foundation
public import LanguageModels
public import Multimodal
import Records
public import Torch

/// A language model that was read, with its tokenizer and its template, ready to be shown pictures and texts.
///
/// It remembers the rows of the pictures that it was shown last; one thread uses it at a time.
public final class OpenedLanguageModel {
  public let settings: LanguageModelSettings
  public let model: any LanguageModel
  public let tokenizer: Tokenizer
  public let template: ChatTemplateFile
  /// What its weights take in memory.
  public let memory: LanguageModelFolder.Memory
  public let builder: PromptBuilder
  /// What was learnt beside the weights; nil: nothing.
  public let adapter: ModelAdapter?
  let folder: LanguageModelFolder
  let tower: TowerAttachment?
  private let decoder: TokenDecoder
  private let kept: PictureCache?
  private var seen: [(key: String, picture: PreparedPicture, rows: Tensor)] = []
  private var descriptions: [String: String] = [:]

  /// Pictures whose rows are remembered.
  private static let mostSeen = 4
  /// What a model is asked for before it is shown its own description.
  private static let describing = PromptContent(instruction: "Describe the image.", pictures: 1)

  public init(_ settings: LanguageModelSettings, events: EventSink = { _ in }) throws {
    try settings.check()
    self.settings = settings
    let trained = try settings.adapter.map { try AdapterFolder($0) }
    if let own = trained?.layers, let wanted = settings.layers, own != wanted {
      throw Diagnosis(
        "the adapter was trained with the first \(own) layers, and --layers is \(wanted)",
        place: settings.adapter?.relativePath, remedy: "leave --layers out", exitStatus: .usage)
    }
    let folder = try LanguageModelFolder(settings.folder, layers: settings.layers ?? trained?.layers)
    self.folder = folder
    if folder.family == "blip" { try settings.checkBLIP() }
    let precision: LanguageModelFolder.Precision = settings.keepsStoredPrecision ? .stored : .float32
    memory = try folder.memory(precision)
    tokenizer = try Tokenizer(folder: settings.folder)
    decoder = try TokenDecoder(tokenizer)
    template = try ChatTemplateFile(
      folder: settings.folder, tokenizer: tokenizer, family: folder.family, named: settings.template,
      fixed: folder.ownTemplate)
    events(
      .phase(
        "Model",
        "\(settings.folder.lastPathComponent) · \(folder.family), \(grouped(memory.parameters)) weights, "
          + "\(grouped(memory.copied >> 20)) MB copied, \(grouped(memory.mapped >> 20)) MB mapped, "
          + "template '\(template.template.name)'"))
    for warning in try folder.warnings { events(.note(warning)) }
    if let note = template.note { events(.note(note)) }
    kept = try settings.pictureCache.map { try PictureCache($0, identity: settings.towerIdentity()) }
    tower = settings.tower.map { TowerAttachment(folder: $0, side: settings.grid, seed: settings.seed) }
    guard try trained?.tower == tower.map(AdapterFolder.Tower.init) || trained == nil else {
      let wanted = trained?.tower.map { "--tower \($0.folder) --tower-grid \($0.side)" } ?? "no --tower"
      throw Diagnosis(
        "the adapter was trained with another tower", place: settings.adapter?.relativePath,
        found: ["it needs \(wanted)"], exitStatus: .usage)
    }
    let model = try folder.load(precision, tower: tower)
    self.model = model
    adapter = try trained?.install(on: model)
    if let adapter, let place = settings.adapter {
      events(
        .phase(
          "Adapter",
          "\(place.lastPathComponent) · \(adapter.settings.kind.rawValue) of rank \(adapter.settings.rank), "
            + "\(grouped(adapter.count)) weights"))
    }
    builder = PromptBuilder(model, tokenizer)
  }

  /// A picture and a text as they are shown; each may be absent.
  public struct Shown {
    public var picture: RGBImage?
    /// Names the picture: what has the same name has the same rows.
    public var key: String
    public var text: String?

    public init(picture: RGBImage? = nil, key: String = "", text: String? = nil) {
      self.picture = picture
      self.key = key
      self.text = text
    }
  }

  /// What the model is asked about some classes.
  public func instruction(for classes: [String]) -> String {
    (settings.question ?? PromptContent.question(of: ["{classes}"]))
      .replacing("{classes}", with: classes.joined(separator: ", "))
  }

  // MARK: Prompts

  /// A prompt, and the pictures and rows that belong to it.
  private struct Ready {
    let prompt: Prompt
    let pictures: [PreparedPicture]
    /// In the order in which they are shown.
    let rows: [Tensor]
  }

  private func ready(_ instruction: String, _ shown: Shown) throws -> Ready {
    var content = PromptContent(instruction: instruction, sampleText: shown.text)
    var pictures: [PreparedPicture] = []
    var rows: [Tensor] = []
    if model.seesPictures, let picture = shown.picture {
      content.pictures = 1
      let own = try look(at: picture, shown.key)
      pictures = [own.picture]
      if settings.variant == .describe {
        let lines = [content.sampleText, try description(shown)].compactMap { $0 }.filter { !$0.isEmpty }
        content.sampleText = lines.joined(separator: "\n")
      }
      rows = [own.rows]
    }
    let parts = settings.variant.parts(of: content)
    let prompt = template.template.prompt(parts)
    let count = parts.count { if case .picture = $0 { true } else { false } }
    return Ready(prompt: prompt, pictures: pictures, rows: count == 0 ? [] : (0..<count).flatMap { _ in rows })
  }

  private func look(at picture: RGBImage, _ key: String) throws -> (picture: PreparedPicture, rows: Tensor) {
    if !key.isEmpty, let known = seen.first(where: { $0.key == key }) { return (known.picture, known.rows) }
    let (prepared, features) = try features(of: picture)
    let rows = try withoutGradients { try model.rows(from: features, of: prepared) }
    if !key.isEmpty { seen = [(key: key, picture: prepared, rows: rows)] + Array(seen.prefix(Self.mostSeen - 1)) }
    return (prepared, rows)
  }

  /// A picture as the model wants it, and what its projector is given of it: what is kept on disk, where that is wanted.
  func features(of picture: RGBImage) throws -> (picture: PreparedPicture, features: Tensor) {
    let prepared = try model.prepare(picture)
    func make() throws -> Tensor { try withoutGradients { try model.features(of: prepared) } }
    return (prepared, try kept?.features(of: picture, as: model.elementType, make: make) ?? make())
  }

  /// What the model writes of the picture alone: 48 tokens, the likeliest one at a time.
  private func description(_ shown: Shown) throws -> String {
    if !shown.key.isEmpty, let known = descriptions[shown.key] { return known }
    guard let picture = shown.picture else { return "" }
    let own = try look(at: picture, shown.key)
    let prompt = template.template.prompt(PromptVariant.standard.parts(of: Self.describing))
    var generation = GenerationSettings()
    generation.ends = template.ends
    let sequence = try builder.sequence(prompt, pictures: [own.picture])
    let written = try OrdinaryDecoding(model).generate(PromptInput(sequence, rows: [own.rows]), generation)
    let text = decoder(written.tokens).trimmingCharacters(in: .whitespacesAndNewlines)
    if !shown.key.isEmpty { descriptions[shown.key] = text }
    return text
  }

  /// How a prompt is read: by the method chosen, where there is something that it can work with.
  private func method(_ ready: Ready) throws -> any DecodingMethod {
    switch settings.method {
    case .ordinary: return OrdinaryDecoding(model)
    case .fmd:
      var method = try ForkMergeDecoding(model)
      guard settings.forkedLayers ?? 0 <= model.layerCount else {
        throw Diagnosis(
          "--fork is \(settings.forkedLayers ?? 0), and the model has \(model.layerCount) layers", exitStatus: .usage)
      }
      method.fork = settings.forkedLayers ?? method.fork
      if method.fork == 0 { method.strength = 0 }
      return method
    case .vcd:
      guard !ready.rows.isEmpty else { return OrdinaryDecoding(model) }
      var method = ContrastiveDecoding(model)
      method.strength = settings.contrastStrength
      return method
    }
  }

  /// The same prompt with what stands for its picture in the contrast.
  private func contrasting(_ instruction: String, _ shown: Shown, _ ready: Ready) throws -> Ready? {
    guard settings.method == .vcd, let picture = ready.pictures.first, let image = shown.picture else { return nil }
    var other = shown
    switch settings.contrast {
    case .none: other.picture = nil
    case .black:
      other.picture = .black(like: image)
      other.key = "black \(image.width) × \(image.height)"
    case .diffused:
      var numbers = SeededNumbers(seed: settings.seed, stream: "mllm/vcd/\(shown.key)")
      let noisy = ContrastiveDecoding.diffused(picture, step: settings.contrastSteps, numbers: &numbers)
      let rows = try withoutGradients { try model.rows(of: noisy) }
      return Ready(prompt: ready.prompt, pictures: [noisy], rows: ready.rows.map { _ in rows })
    }
    return try self.ready(instruction, other)
  }

  private func contrasts(
    _ instruction: String, _ shown: Shown, _ ready: Ready, _ sequence: (Ready) throws -> TokenSequence
  ) throws -> [PromptInput] {
    guard let other = try contrasting(instruction, shown, ready) else { return [] }
    return [PromptInput(try sequence(other), rows: other.rows)]
  }

  // MARK: Answers

  /// How likely each class's label is after what is shown.
  ///
  /// - Parameter roles: whose tokens no token of another role sees; the model's own logits are taken then.
  public func likelihood(
    of classes: [String], asked instruction: String, _ shown: Shown, hiding roles: Set<TokenRole> = []
  ) throws -> LabelLikelihood {
    let own = try ready(instruction, shown)
    let labelled = try labelled(own, classes)
    guard roles.isEmpty else {
      return try OrdinaryDecoding(model, view: AttentionView(hidden: roles)).likelihood(of: labelled, rows: own.rows)
    }
    return try method(own).likelihood(
      of: labelled, rows: own.rows,
      contrast: contrasts(instruction, shown, own) { try self.labelled($0, classes).prompt })
  }

  /// Whether labels differ in their first token already.
  public func differInFirstToken(_ classes: [String], asked instruction: String) throws -> Bool {
    try labelled(ready(instruction, Shown()), classes).differInFirstToken
  }

  /// The likelihoods without picture and text.
  public func nullLikelihood(of classes: [String], asked instruction: String) throws -> LabelLikelihood {
    try likelihood(of: classes, asked: instruction, Shown())
  }

  /// The class that is written where only labels may be.
  public func constrainedAnswer(among classes: [String], asked instruction: String, _ shown: Shown) throws -> Int {
    let own = try ready(instruction, shown)
    return try method(own).constrained(
      labelled(own, classes), rows: own.rows,
      contrast: contrasts(instruction, shown, own) { try labelled($0, classes).prompt })
  }

  /// What the model writes.
  public func answer(
    to instruction: String, _ shown: Shown, _ generation: GenerationSettings
  ) throws -> (text: String, tokens: GeneratedTokens, promptTokens: Int) {
    var generation = generation
    generation.ends.formUnion(template.ends)
    let own = try ready(instruction, shown)
    let contrast = try contrasts(instruction, shown, own) { try builder.sequence($0.prompt, pictures: $0.pictures) }
    let sequence = try builder.sequence(own.prompt, pictures: own.pictures)
    let written = try method(own).generate(PromptInput(sequence, rows: own.rows, contrast: contrast), generation)
    return (decoder(written.tokens).trimmingCharacters(in: .whitespacesAndNewlines), written, sequence.count)
  }

  /// The tokens of a prompt and of one label, with the rows of its pictures.
  public func labelled(
    _ label: String, asked instruction: String, _ shown: Shown
  ) throws -> (prompt: LabelledPrompt, rows: [Tensor], written: String) {
    let own = try ready(instruction, shown)
    return (try labelled(own, [label]), own.rows, own.prompt.written)
  }

  /// A prompt as it would be written.
  public func written(asked instruction: String, _ shown: Shown) throws -> String {
    try ready(instruction, shown).prompt.written
  }

  /// The tokens of a prompt and of all classes' labels.
  ///
  /// - Parameter picture: as the model wants it, its numbers not needed; nil: none is shown.
  func labelled(
    of classes: [String], asked instruction: String, picture: PreparedPicture?, text: String?
  ) throws -> LabelledPrompt {
    let content = PromptContent(instruction: instruction, sampleText: text, pictures: picture == nil ? 0 : 1)
    let prompt = template.template.prompt(settings.variant.parts(of: content))
    return try builder.labelled(
      prompt, labels: classes, template: template.template, pictures: picture.map { [$0] } ?? [])
  }

  private func labelled(_ ready: Ready, _ classes: [String]) throws -> LabelledPrompt {
    try builder.labelled(ready.prompt, labels: classes, template: template.template, pictures: ready.pictures)
  }
}

extension RGBImage {
  /// A black picture of another's size, which becomes as many tokens.
  static func black(like other: RGBImage) -> RGBImage {
    RGBImage(
      width: other.width, height: other.height, pixels: [UInt8](repeating: 0, count: other.width * other.height * 3))
  }
}

extension Experiment {
  /// A picture of a file.
  ///
  /// - Throws: a `Diagnosis` that names the file.
  public static func picture(at url: URL) throws -> RGBImage {
    try Diagnosis.placing(url) {
      try RGBImage(decoding: BoundedFile.read(url, limit: BoundedFile.largestPicture))
    }
  }
}
