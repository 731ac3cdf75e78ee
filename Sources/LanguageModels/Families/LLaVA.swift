import Encoders
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// LLaVA: a hidden state of CLIP's or SigLIP's tower through two linear maps.
///
/// Liu et al. 2023; the published checkpoints are of version 1.5.
struct LLaVA: PictureTower {
  private let tower: LLaVATower
  private let processor: ImageProcessor

  static func model(_ folder: LanguageModelFolder, _ weights: CheckpointWeights) throws -> DecoderLanguageModel {
    let configuration = folder.configuration
    let text = configuration.nested("text_config")
    let decoder = try folder.decoder(
      text, type: text.text("model_type", default: "llama"), weights,
      prefixes: LLaVATower.decoderPrefixes, heads: LLaVATower.headNames)
    guard let processor = try ImageProcessor.found(in: folder.url) else {
      throw CheckpointError.noFile("preprocessor_config.json", in: folder.url.path)
    }
    let tower = try LLaVATower(configuration, weights, width: decoder.configuration.width)
    guard let size = processor.size, size == tower.size else {
      throw CheckpointError.unsupported(
        key: "size", value: processor.size.map { "\($0.height) x \($0.width)" } ?? "any", in: folder.url.path,
        supported: "pictures of the tower's \(tower.size.height) x \(tower.size.width) pixels")
    }
    return DecoderLanguageModel(
      folder, decoder, tower: LLaVA(tower: tower, processor: processor),
      imageToken: try LLaVATower.imageToken(configuration))
  }

  var projector: [(name: String, map: FrozenLinear)] { tower.projector }

  func prepare(_ picture: RGBImage) throws -> PreparedPicture {
    if let reason = processor.objection(to: picture) { throw LanguageModelError.picture(reason) }
    let (height, width, values) = processor(picture)
    return PreparedPicture(
      values: values, shape: [1, 3, height, width], layout: .single, tokenCount: tower.tokenCount)
  }

  func text(for picture: PreparedPicture) -> [PictureText] { [.image(picture.tokenCount)] }

  func features(of picture: PreparedPicture) throws -> Tensor { try tower(tensor(picture, tower.type)) }

  func rows(from features: Tensor, of picture: PreparedPicture) throws -> Tensor {
    try tower.projected(features).selected(0, 0)
  }
}

/// The tower of LLaVA and LLaVA-NeXT: pictures [B, 3, height, width] to features [B, tokens, channels], and with its
/// projector to rows [B, tokens, width].
struct LLaVATower {
  /// What the names of the decoder's tensors begin with.
  static let decoderPrefixes = ["language_model.model.", "model.language_model."]
  static let headNames = ["language_model.lm_head.weight", "lm_head.weight"]

  let size: (height: Int, width: Int)
  let type: ElementType
  /// The patches of one picture.
  let grid: (rows: Int, columns: Int)
  /// The rows that one picture becomes.
  let tokenCount: Int
  private let network: VisionTransformer
  /// The hidden states that are taken, 0 being what goes into the first layer.
  private let states: [Int]
  private let dropsFirst: Bool
  private let up: FrozenLinear
  private let down: FrozenLinear
  private let activation: Activation

  init(_ configuration: CheckpointConfiguration, _ weights: CheckpointWeights, width: Int) throws {
    let given = configuration.nested("vision_config")
    let name = try given.text("model_type", default: "clip_vision_model")
    let families: [String: VisionTransformer.Family] = ["clip_vision_model": .clip, "siglip_vision_model": .siglip]
    guard let family = families[name] else {
      throw CheckpointError.architecture(name, in: given.file, known: families.keys.sorted())
    }
    // Where CLIP is not described it is the large one; SigLIP's own defaults are those of its encoder.
    var table: [String: Tree] =
      family == .clip
      ? [
        "hidden_size": .int(1024), "intermediate_size": .int(4096), "num_hidden_layers": .int(24),
        "num_attention_heads": .int(16), "image_size": .int(336), "patch_size": .int(14),
      ] : [:]
    table.merge(given.table.filter { $0.value != .null }) { $1 }
    // The pooler is not asked for, and need not be there.
    table["vision_use_head"] = .bool(false)
    let depth = try given.count("num_hidden_layers", default: family == .clip ? 24 : 12)
    states = try Self.states(configuration, depth: depth)
    // Layers after the last hidden state that is taken are not read.
    table["num_hidden_layers"] = .int(max(1, states.max() ?? 1))
    let vision = CheckpointConfiguration(file: given.file, table: table, path: "vision_config.")
    let own = try weights.within(
      anyOf: [
        "vision_tower.vision_model.", "vision_tower.", "model.vision_tower.vision_model.", "model.vision_tower.",
      ],
      holding: "embeddings.patch_embedding.weight")
    network = try VisionTransformer(vision, own, family)
    type = weights.type

    size = try vision.size("image_size", default: 224)
    let patch = try vision.size("patch_size", default: 16)
    grid = (size.height / patch.height, size.width / patch.width)
    let strategy = try configuration.text("vision_feature_select_strategy", default: "default")
    guard ["default", "full"].contains(strategy) else {
      throw configuration.unsupported("vision_feature_select_strategy", supported: "default, full")
    }
    dropsFirst = strategy == "default"
    tokenCount = grid.rows * grid.columns + (family == .clip ? 1 : 0) - (dropsFirst ? 1 : 0)
    guard tokenCount > 0 else { throw vision.malformed("image_size", "at least as large as two patches") }

    let inputs = try vision.count("hidden_size", default: 768) * states.count
    let projector = try weights.within(
      anyOf: ["multi_modal_projector.", "model.multi_modal_projector."], holding: "linear_1.weight")
    let hasBias = try configuration.flag("multimodal_projector_bias", default: true)
    func linear(_ name: String, _ inputs: Int) throws -> FrozenLinear {
      FrozenLinear(
        weight: try projector.tensor("\(name).weight", [width, inputs]),
        bias: hasBias ? try projector.tensor("\(name).bias", [width]) : nil)
    }
    up = try linear("linear_1", inputs)
    down = try linear("linear_2", width)
    activation = try configuration.activation("projector_hidden_act", default: "gelu")
  }

  var projector: [(name: String, map: FrozenLinear)] {
    [("multi_modal_projector.linear_1", up), ("multi_modal_projector.linear_2", down)]
  }

  static func imageToken(_ configuration: CheckpointConfiguration) throws -> Int? {
    try configuration.token(
      configuration["image_token_index"] == nil ? "image_token_id" : "image_token_index", default: 32000)
  }

  /// The hidden states that `vision_feature_layer` names: one or a list, negative ones from the end.
  private static func states(_ configuration: CheckpointConfiguration, depth: Int) throws -> [Int] {
    let key = "vision_feature_layer"
    let given = configuration[key].map { $0.listValue ?? [$0] } ?? [.int(-2)]
    let layers = given.compactMap(\.intValue)
    guard !layers.isEmpty, layers.count == given.count, layers.allSatisfy({ (-depth - 1...depth).contains($0) }) else {
      throw configuration.malformed(key, "the number of a hidden state of \(depth) layers, or several")
    }
    return layers.map { $0 < 0 ? depth + 1 + $0 : $0 }
  }

  func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    var seen: [Tensor] = []
    _ = try network.rows(pixels) { seen.append($0) }
    let taken = states.map { seen[$0] }
    var features = taken.count == 1 ? taken[0] : try Tensor.cat(taken, 2)
    if dropsFirst { features = try features.narrowed(1, from: 1, length: features.shape[1] - 1) }
    return features
  }

  func projected(_ features: Tensor) throws -> Tensor { try down(activation(up(features))) }
}
