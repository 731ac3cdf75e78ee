import Foundation
public import Multimodal
import Records
public import Torch
public import TorchNN

/// An encoder that is trained with the model: an architecture from nothing, or a checkpoint's network and weights.
public struct TrainedNetwork: TrainedEncoder {
  /// All that is needed to build it again over other weights.
  public let form: TrainedForm
  /// SHA-256 over the files that its weights begin as; nil where they begin at random.
  public let sha256: String?
  /// What its weights begin as; nil: at random, or as somebody will say.
  private let values: [String: Tensor]?

  /// The probabilities of dropout at the places where its architecture has it; none for a network over other weights.
  public private(set) var dropouts: [Double] = []

  public var width: Int { form.features }

  /// The encoder of a form, whose weights are put there afterwards.
  public init(_ form: TrainedForm) {
    self.form = form
    sha256 = nil
    values = nil
  }

  /// An encoder by the name of an architecture, or of a checkpoint's folder.
  ///
  /// - Parameters:
  ///   - input: what it is to read.
  ///   - pooling: how a checkpoint's rows become one; nil: as it says.
  /// - Throws: ``EncoderError``, ``CheckpointError``.
  public init(_ name: String, reading input: InputForm, pooling: Pooling? = nil) throws {
    if case .pixels(let height, let width) = input, let own = TrainedArchitecture(rawValue: name) {
      if pooling != nil { throw EncoderError.noPooling(encoder: name) }
      try self.init(own, height: height, width: width)
      return
    }
    let folder = URL(filePath: (name as NSString).expandingTildeInPath)
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder)
    guard exists, isFolder.boolValue else {
      if name.contains("/") { throw CheckpointError.noFolder(folder.path) }
      switch input {
      case .pixels:
        throw EncoderError.unknown(name: name, kind: .image, known: TrainedArchitecture.allCases.map(\.rawValue))
      case .tokens, .features: throw EncoderError.unknown(name: name, kind: .text, known: [])
      }
    }
    switch input {
    case .pixels(let height, let width):
      try self.init(pictures: folder, height: height, width: width, pooling: pooling)
    case .tokens(let length): try self.init(texts: folder, length: length, pooling: pooling)
    case .features:
      throw EncoderError.settings(encoder: name, reason: "features are there already: it reads pixels or tokens")
    }
  }

  private init(_ own: TrainedArchitecture, height: Int, width: Int) throws {
    var form = TrainedForm(
      architecture: own.rawValue, input: .pixels(height: height, width: width), poolings: [])
    let blank = ConstantParameters { (_, shape) throws(TorchError) in try .empty(shape) }
    let network = try own.network(blank.root, height: height, width: width)
    try Self.check(network, height: height, width: width, name: own.rawValue)
    form.weights = Self.byName(blank.parameters).mapValues(\.shape)
    form.poolings = [network.standard]
    form.features = network.widths[network.standard] ?? 0
    dropouts = network.dropout?.all ?? []
    self.form = form
    sha256 = nil
    values = nil
  }

  private init(pictures folder: URL, height: Int, width: Int, pooling: Pooling?) throws {
    let modules = try SentenceModules(in: folder, as: NetworkArithmetic(.float32))
    let place = SentenceModules.place(of: modules, in: folder)
    let configuration = try PretrainedImageEncoder.configuration(in: place)
    let ((network, architecture, own), parameters) = try CheckpointWeights(in: place, as: .float32).made {
      try PretrainedImageEncoder.network($0, configuration, $1)
    }
    let chosen = pooling ?? network.standard
    let features = try network.widths.width(by: chosen, in: folder.path)
    try Self.check(network, height: height, width: width, name: folder.path)
    var form = TrainedForm(
      architecture: architecture, configuration: configuration.map { .table($0.table) },
      input: .pixels(height: height, width: width), poolings: [chosen])
    if let processor = try ImageProcessor.found(in: place) ?? own {
      (form.factor, form.mean, form.deviation) = (processor.factor, processor.mean, processor.deviation)
    }
    form.features = features
    let (dense, digest) = try Self.take(pooling == nil ? modules : nil, in: folder, &form)
    try self.init(form, parameters, in: place, adding: dense, digest)
    dropouts = network.dropout?.all ?? []
  }

  private init(texts folder: URL, length: Int, pooling: Pooling?) throws {
    let modules = try SentenceModules(in: folder, as: NetworkArithmetic(.float32))
    let place = SentenceModules.place(of: modules, in: folder)
    let configuration = try CheckpointConfiguration(reading: place.appending(path: "config.json"))
    let (network, parameters) = try CheckpointWeights(in: place, as: .float32).made {
      try PretrainedTextEncoder.network($0, configuration, $1)
    }
    let (poolings, pooled) = try PretrainedTextEncoder.poolings(of: network, pooling, modules, in: folder)
    guard length <= network.places else {
      throw EncoderError.settings(
        encoder: folder.path, reason: "the texts have \(length) tokens, its network has \(network.places) places")
    }
    var form = TrainedForm(
      architecture: try modelType(configuration), configuration: .table(configuration.table),
      input: .tokens(length: length), poolings: poolings)
    form.features = pooled
    // A pooling that is asked for stands alone, as where texts are encoded once.
    let (dense, own) = try Self.take(pooling == nil ? modules : nil, in: folder, &form)
    try self.init(form, parameters, in: place, adding: dense, own)
    dropouts = network.dropout?.all ?? []
  }

  /// Writes down what follows the network; its weights, and the digest of their files where there are any.
  private static func take(
    _ modules: SentenceModules?, in folder: URL, _ form: inout TrainedForm
  ) throws -> ([String: Tensor], digest: String?) {
    guard let modules else { return ([:], nil) }
    var dense: [String: Tensor] = [:]
    form.steps = modules.steps.enumerated().map { number, step in
      guard case .dense(let layer, let activation) = step else { return TrainedForm.Step() }
      dense["dense.\(number).weight"] = layer.weight.tensor
      if layer.hasBias { dense["dense.\(number).bias"] = layer.bias.tensor }
      return TrainedForm.Step(dense: "dense.\(number)", activation: activation)
    }
    form.features = modules.width(of: form.features)
    return (dense, try dense.isEmpty ? nil : CheckpointStamp(folder: folder, names: modules.files).digest)
  }

  private static func byName(_ parameters: [Parameter]) -> [String: Tensor] {
    Dictionary(parameters.map { ($0.path.description, $0.tensor) }) { $1 }
  }

  /// The encoder of a form whose weights begin as a checkpoint's, and `others` from files of that digest.
  private init(
    _ form: TrainedForm, _ parameters: [Parameter], in folder: URL, adding others: [String: Tensor] = [:],
    _ digest: String? = nil
  ) throws {
    var form = form
    let tensors = Self.byName(parameters).merging(others) { $1 }
    form.weights = tensors.mapValues(\.shape)
    self.form = form
    values = tensors
    let files = ["config.json"] + (try CheckpointWeights.files(in: folder).map(\.lastPathComponent))
    let own = try CheckpointStamp(folder: folder, names: files).digest
    sha256 = digest.map { FileDigest.sha256(of: "\(own)\n\($0)") } ?? own
  }

  private static func check(_ network: any VisionNetwork, height: Int, width: Int, name: String) throws {
    let smallest = network.smallest
    guard height >= smallest.height, width >= smallest.width else {
      throw EncoderError.settings(
        encoder: name,
        reason: "the pictures are \(height) x \(width), its network needs \(smallest.height) x \(smallest.width)")
    }
  }

  // MARK: In a model

  public func makeNetwork(_ scope: Scope) throws(TorchError) -> any EncoderNetwork {
    do {
      // Runs have always had their weights in this order.
      return try scope.sorting { try TrainedModule(form, scope, values) }
    } catch let error as TorchError { throw error } catch {
      throw TorchError(operation: form.architecture, message: Diagnosis(describing: error).what)
    }
  }
}
