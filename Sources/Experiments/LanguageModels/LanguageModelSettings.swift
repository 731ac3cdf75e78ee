public import Foundation
public import LanguageModels
public import Records

/// A language model and how it is prompted.
public struct LanguageModelSettings: Sendable, Equatable {
  /// How its logits come about.
  public enum Method: String, SettingChoice {
    /// As they are.
    case ordinary
    /// `ForkMergeDecoding`.
    case fmd
    /// `ContrastiveDecoding`.
    case vcd
  }

  /// A checkpoint as Hugging Face lays it out.
  public var folder: URL
  /// What was learnt beside it; nil: nothing.
  public var adapter: URL?
  /// The decoder's first so many layers are the model; nil: as many as the adapter was trained with, or all.
  public var layers: Int?
  /// A checkpoint folder of an image encoder that is put before a model without a tower; nil: none.
  public var tower: URL?
  /// Rows along each side that the tower makes of a picture.
  public var grid = 2
  /// One of `ChatTemplate.all`; nil: the one that the folder's own looks like.
  public var template: String?
  /// What is asked, with `{classes}` for the classes; nil: `PromptContent.question(of:)`.
  public var question: String?
  public var variant = PromptVariant.standard
  public var method = Method.ordinary
  /// Of `ForkMergeDecoding`: layers that run twice; nil: 5 of 28.
  public var forkedLayers: Int?
  /// α of `ContrastiveDecoding`.
  public var contrastStrength = 1.0
  public var contrast = ContrastiveDecoding.Contrast.diffused
  /// Steps of noise, of 0…999.
  public var contrastSteps = 500
  /// Whether weights stay as they are stored, in half the memory, instead of becoming float32.
  public var keepsStoredPrecision = false
  /// A folder that keeps what the tower makes of pictures, from command to command; nil: none.
  public var pictureCache: URL?
  public var seed: UInt64 = 0

  public init(folder: URL) { self.folder = folder }

  /// All that answers depend on besides the model and what it is shown.
  func identity(classes: [String]) -> String {
    var words = [
      "template \(template ?? "-")", "question \(question ?? "-")", "variant \(variant.rawValue)",
      "method \(method.rawValue)", "stored \(keepsStoredPrecision)",
    ]
    if let layers { words.append("layers \(layers)") }
    if tower != nil { words.append("grid \(grid) seed \(seed)") }
    switch method {
    case .ordinary: break
    case .fmd: words.append("forked \(forkedLayers.map(String.init) ?? "-")")
    case .vcd: words.append("contrast \(contrast.rawValue) \(contrastStrength) \(contrastSteps) seed \(seed)")
    }
    return (words + classes).joined(separator: "\n")
  }

  /// The digests of a folder's files.
  private func lines(_ folder: URL) throws -> [String] {
    let names = try Diagnosis.placing(folder) { try FileManager.default.contentsOfDirectory(atPath: folder.path) }
    return try names.filter { name in
      ["safetensors", "json", "txt", "jinja", "model"].contains { name.hasSuffix(".\($0)") }
    }.sorted().map { "\($0) \(try FileDigest.sha256(of: folder.appending(path: $0)))" }
  }

  /// All that a tower's numbers depend on besides the picture: one put before the model depends on nothing of the model.
  func towerIdentity() throws -> String {
    let files = try lines(tower ?? folder)
    return "tower 1\n\(files.joined(separator: "\n"))\ngrid \(tower == nil ? 0 : grid) stored \(keepsStoredPrecision)"
  }

  /// A digest of every file that answers depend on, and the settings.
  func fileIdentity() throws -> String {
    var all = try lines(folder)
    if let adapter {
      let own = [AdapterFolder.weightsName, AdapterFolder.configurationName, AdapterFolder.ownName]
      all += ["adapter"] + (try lines(adapter).filter { line in own.contains { line.hasPrefix("\($0) ") } })
    }
    if let tower { all += ["tower"] + (try lines(tower)) }
    return "language model\n\(all.joined(separator: "\n"))\n\(identity(classes: []))"
  }

  /// What BLIP cannot do: its picture stands beside the text, and its decoder is not of the Llama family.
  func checkBLIP() throws {
    func refuse(_ what: String, _ option: String) throws -> Never {
      throw Diagnosis(what, place: option, remedy: "leave \(option) out", exitStatus: .usage)
    }
    if layers != nil { try refuse("BLIP is read with all of its layers", "--layers") }
    if adapter != nil { try refuse("BLIP's decoder takes no adapter: it is not of the Llama family", "--adapter") }
    if method == .fmd {
      try refuse("BLIP's layers cannot be forked: its picture stands beside the text", "--decoding fmd")
    }
    if [.order, .double].contains(variant) {
      try refuse("BLIP sees one picture beside the text, before no word and behind none", "--prompt-variant")
    }
  }

  func check() throws {
    if let layers, layers < 1 { throw Diagnosis("--layers is \(layers), must be at least 1", exitStatus: .usage) }
    func refuse(_ what: String, _ remedy: String) throws -> Never {
      throw Diagnosis(what, remedy: remedy, exitStatus: .usage)
    }
    if let question, question.allSatisfy(\.isWhitespace) {
      try refuse("--question is empty", "--question 'Which of these is it: {classes}?'")
    }
    if let forkedLayers, forkedLayers < 0 {
      try refuse("--fork is \(forkedLayers), must be at least 0", "0 is ordinary decoding")
    }
    if !(0...999).contains(contrastSteps) {
      try refuse("the steps of noise are \(contrastSteps)", "they lie in 0…999")
    }
    if !contrastStrength.isFinite || contrastStrength < 0 {
      try refuse("--contrast-strength is \(contrastStrength), must be at least 0", "0 is ordinary decoding")
    }
  }
}
