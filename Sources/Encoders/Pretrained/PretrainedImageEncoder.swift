public import Foundation
public import Multimodal
import Records
import Torch
import TorchNN

/// An image encoder from a checkpoint folder: ViT, ResNet, EfficientNet-Lite, the image towers of CLIP, SigLIP and BLIP.
public struct PretrainedImageEncoder: PretrainedEncoder {
  public static let name = "pretrained-image"
  public static let version = 1
  public static let kind = RawInput.Kind.image
  public static let summary = "an image encoder from a checkpoint folder"
  public static let architectures = [
    "blip", "blip_vision_model", "clip", "clip_vision_model", "efficientnet_lite", "resnet", "siglip",
    "siglip_vision_model", "vit",
  ]

  public let settings: PretrainedSettings
  public let provenance: EncoderProvenance
  public let width: Int
  public let identity: String
  private let stamp: CheckpointStamp
  private let processor: ImageProcessor
  private let reader: Frozen<Reader>
  private let pooling: Pooling
  /// Of the pixels that the network is given.
  private let type: ElementType

  /// The network and what follows it.
  private struct Reader {
    let network: any VisionNetwork
    let modules: SentenceModules?

    func callAsFunction(_ pixels: Tensor, _ pooling: Pooling) throws -> Tensor {
      let rows = try network.features(pixels, by: pooling)
      return try modules?(rows) ?? rows
    }
  }

  public init(folder: URL, settings: PretrainedSettings = PretrainedSettings()) throws {
    try self.init(folder: folder, settings: settings, stamp: nil)
  }

  public init(restoring state: EncoderState) throws {
    let state = try PretrainedState(checking: state, encoder: Self.name)
    try self.init(folder: URL(filePath: state.stamp.folder), settings: state.settings, stamp: state.stamp)
  }

  private init(folder: URL, settings: PretrainedSettings, stamp: CheckpointStamp?) throws {
    let arithmetic = NetworkArithmetic(settings.precision)
    let modules = try SentenceModules(in: folder, as: arithmetic)
    let place = SentenceModules.place(of: modules, in: folder)
    let weights = try CheckpointWeights(in: place, as: arithmetic)
    let (network, architecture, own) = try Self.network(in: place, weights)
    guard let processor = try ImageProcessor.found(in: place) ?? own else {
      throw CheckpointError.noFile("preprocessor_config.json", in: place.path)
    }
    let prefix = place == folder ? "" : "\(modules?.transformer ?? "")/"
    let stamp =
      try stamp
      ?? CheckpointStamp(
        folder: folder,
        names: try
          (["config.json", "preprocessor_config.json", "processor_config.json", "model.safetensors.index.json"]
          + CheckpointWeights.files(in: place).map(\.lastPathComponent)).map { prefix + $0 } + (modules?.files ?? []))
    try self.init(network, architecture, processor, settings: settings, stamp: stamp, modules: modules)
  }

  /// The encoder over any network, of the files that the stamp names.
  ///
  /// - Parameter modules: what sentence-transformers lists to follow the network; a pooling that is asked for stands alone.
  init(
    _ network: any VisionNetwork, _ architecture: String, _ processor: ImageProcessor, settings: PretrainedSettings,
    stamp: CheckpointStamp, modules: SentenceModules? = nil
  ) throws {
    let pooling = settings.pooling ?? network.standard
    let pooled = try network.widths.width(by: pooling, in: stamp.folder)
    let used = settings.pooling == nil ? modules : nil
    width = used?.width(of: pooled) ?? pooled
    reader = Frozen(Reader(network: network, modules: used))
    self.pooling = pooling
    type = NetworkArithmetic(settings.precision).type
    self.processor = processor
    self.settings = settings
    self.stamp = stamp
    provenance = EncoderProvenance(stamp, architecture, pooling: pooling.rawValue, settings)
    identity = "\(Self.name) \(Self.version) \(stamp.digest) \(pooling.rawValue) \(settings.identity)"
  }

  /// What a folder's `config.json` says; nil where there is none.
  static func configuration(in folder: URL) throws -> CheckpointConfiguration? {
    let url = folder.appending(path: "config.json")
    return try FileManager.default.fileExists(atPath: url.path) ? CheckpointConfiguration(reading: url) : nil
  }

  /// The network of a folder, what it is called, and the processor that is meant where the folder has none.
  static func network(
    in folder: URL, _ weights: CheckpointWeights
  ) throws -> (any VisionNetwork, String, ImageProcessor?) {
    let configuration = try configuration(in: folder)
    return try weights.network { try network($0, configuration, $1) }
  }

  /// The same, of what `config.json` says; nil where there is none.
  static func network(
    _ scope: Scope, _ configuration: CheckpointConfiguration?, _ names: CheckpointNames
  ) throws -> (any VisionNetwork, String, ImageProcessor?) {
    guard let configuration else { return (try ResNet(torchvision: scope, names), "resnet", .torchvision) }
    let type = try modelType(configuration)
    let named = try configuration.text("architecture", default: "")
    if type.isEmpty, !named.isEmpty {
      let known = Self.torchvisionNames + EfficientNetLite.names
      guard known.contains(named) else {
        throw configuration.unsupported("architecture", supported: known.joined(separator: ", "))
      }
      let network: any VisionNetwork =
        EfficientNetLite.names.contains(named)
        ? try EfficientNetLite(named: named, scope, names) : try ResNet(torchvision: scope, names)
      return (network, named, try ImageProcessor(timm: configuration.nested("pretrained_cfg")))
    }
    let families: [String: VisionTransformer.Family] = [
      "vit": .vit, "clip": .clip, "clip_vision_model": .clip, "siglip": .siglip, "siglip_vision_model": .siglip,
      "blip": .blip, "blip_vision_model": .blip,
    ]
    if let family = families[type] {
      // A model of two towers describes each in a table of its own.
      let own = ["clip", "siglip", "blip"].contains(type) ? configuration.nested("vision_config") : configuration
      return (try VisionTransformer(scope, own, names, family), type, nil)
    }
    guard type == "resnet" else {
      throw CheckpointError.architecture(type, in: configuration.file, known: architectures)
    }
    let isOwn = names.hasAnywhere("embedder.embedder.convolution.weight")
    return (
      isOwn ? try ResNet(scope, configuration, names) : try ResNet(torchvision: scope, names), type,
      isOwn ? nil : .torchvision
    )
  }

  /// The networks of torchvision whose shape their weights show.
  private static let torchvisionNames = [
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2",
  ]

  public var chunk: Int { Self.batch * max(2, Runtime.threads) }

  public func prepare(_ input: RawInput) throws -> PreparedInput {
    guard case .image(let image) = input else {
      throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind)
    }
    if let objection = processor.objection(to: image) {
      throw EncoderError.refused(encoder: stamp.folder, reason: objection)
    }
    let (height, width, values) = processor(image)
    let smallest = reader.network.network.smallest
    guard height >= smallest.height, width >= smallest.width else {
      throw EncoderError.refused(
        encoder: stamp.folder,
        reason:
          "its processor leaves \(height) x \(width) pixels, its network needs \(smallest.height) x \(smallest.width)")
    }
    return PreparedInput(values: values, indices: [Int32(height), Int32(width)])
  }

  /// Pictures that come to a thread together.
  static let batch = 16
  /// Pictures that go through the network together: what is between two layers of it stays in the cache.
  private static let portion = 4

  public func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float] {
    let most = min(Self.portion, max(1, inputs.count / Runtime.threads))
    let portions = Self.portions(Array(inputs.indices), ofAtMost: most) { first, index, _ in
      inputs[first].indices == inputs[index].indices
    }
    return try rows(portions) { members in
      let size = inputs[members[0]].indices.map(Int.init)
      let pixels = try Tensor(members.flatMap { inputs[$0].values }, shape: [members.count, 3, size[0], size[1]])
      return try reader.network(pixels.to(type), pooling)
    }
  }

  public func state() throws -> EncoderState {
    try EncoderState(settings: PretrainedState(stamp: stamp, settings: settings), arrays: [:])
  }
}
