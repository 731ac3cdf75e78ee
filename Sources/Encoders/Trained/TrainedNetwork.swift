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
    form.weights = try own.weights(height: height, width: width)
    let blank = try form.weights.mapValues { try Tensor.empty($0) }
    let network = try own.network(
      CheckpointWeights(GivenWeights(blank), as: .float32, of: own.rawValue), height: height, width: width)
    try Self.check(network, height: height, width: width, name: own.rawValue)
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
    let (weights, record) = try CheckpointWeights(in: place, as: .float32).recorded()
    let (network, architecture, own) = try PretrainedImageEncoder.network(in: place, weights)
    let chosen = pooling ?? network.standard
    let features = try network.widths.width(by: chosen, in: folder.path)
    try Self.check(network, height: height, width: width, name: folder.path)
    var form = TrainedForm(
      architecture: architecture, configuration: try Self.configuration(in: place),
      input: .pixels(height: height, width: width), poolings: [chosen])
    if let processor = try ImageProcessor.found(in: place) ?? own {
      (form.factor, form.mean, form.deviation) = (processor.factor, processor.mean, processor.deviation)
    }
    form.features = features
    let (dense, digest) = try Self.take(pooling == nil ? modules : nil, in: folder, &form)
    try self.init(form, record, in: place, adding: dense, digest)
    dropouts = network.dropout?.all ?? []
  }

  private init(texts folder: URL, length: Int, pooling: Pooling?) throws {
    let modules = try SentenceModules(in: folder, as: NetworkArithmetic(.float32))
    let place = SentenceModules.place(of: modules, in: folder)
    let configuration = try CheckpointConfiguration(reading: place.appending(path: "config.json"))
    let (weights, record) = try CheckpointWeights(in: place, as: .float32).recorded()
    let network = try PretrainedTextEncoder.network(configuration, weights)
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
    try self.init(form, record, in: place, adding: dense, own)
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
      dense["dense.\(number).weight"] = layer.weight
      dense["dense.\(number).bias"] = layer.bias
      return TrainedForm.Step(dense: "dense.\(number)", activation: activation)
    }
    form.features = modules.width(of: form.features)
    return (dense, try dense.isEmpty ? nil : CheckpointStamp(folder: folder, names: modules.files).digest)
  }

  /// The encoder of a form whose weights begin as what a network has asked for, and `others` from files of that digest.
  private init(
    _ form: TrainedForm, _ record: AskedWeights, in folder: URL, adding others: [String: Tensor] = [:],
    _ digest: String? = nil
  ) throws {
    var form = form
    let tensors = record.tensors.merging(others) { $1 }
    form.weights = tensors.mapValues(\.shape)
    self.form = form
    values = tensors
    let files = ["config.json"] + (try CheckpointWeights.files(in: folder).map(\.lastPathComponent))
    let own = try CheckpointStamp(folder: folder, names: files).digest
    sha256 = digest.map { FileDigest.sha256(of: "\(own)\n\($0)") } ?? own
  }

  private static func configuration(in folder: URL) throws -> Tree? {
    let url = folder.appending(path: "config.json")
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    return .table(try CheckpointConfiguration(reading: url).table)
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

  /// The statistics among the weights, which no gradient moves.
  private static func isStatistic(_ name: String) -> Bool {
    name.hasSuffix("running_mean") || name.hasSuffix("running_var")
  }

  public func makeParameters(_ scope: Scope) throws(TorchError) {
    let own = TrainedArchitecture(rawValue: form.architecture)
    for (name, shape) in form.weights.sorted(by: { $0.key < $1.key }) {
      let path = ParameterPath(scope.path.components + ParameterPath(name).components)
      let initializer = values == nil ? own?.initializer(name, shape) ?? .zeros : .zeros
      let parameter = try scope.store.make(path, shape, initializer, isStatistic: Self.isStatistic(name))
      if let value = values?[name] { try parameter.tensor.copy(from: value) }
    }
  }

  public func callAsFunction(_ inputs: Tensor, _ weights: EncoderWeights) throws(TorchError) -> Tensor {
    do { return try features(of: inputs, weights) } catch let error as TorchError { throw error } catch {
      throw TorchError(operation: form.architecture, shapes: [inputs.shape], message: Diagnosis(describing: error).what)
    }
  }

  private func features(of inputs: Tensor, _ weights: EncoderWeights) throws -> Tensor {
    let type = weights.names.first.flatMap { weights[$0]?.elementType } ?? .float32
    let source = CheckpointWeights(ModelWeights(weights), as: type, of: "the model")
    let configuration = form.configuration?.tableValue.map {
      CheckpointConfiguration(file: "\(form.architecture)'s config.json", table: $0)
    }
    switch form.input {
    case .tokens:
      guard let configuration else { throw CheckpointError.noFile("config.json", in: "the model") }
      let network = try PretrainedTextEncoder.network(configuration, source)
      // No row looks at padding: any token will do.
      // As long as the longest of all processes' texts: what dropout draws depends on it.
      let longest = try weights.allInputs.map { try Self.rows($0).reduce(0) { max($0, $1.count) } } ?? 0
      let batch = try TokenBatch(Self.rows(inputs), padding: 0, atLeast: longest, on: inputs.device)
      let rows = try network.rows(batch) { _ in }
      let pooled = try form.poolings.map {
        try $0(rows, lengths: batch.lengths) ?? network.pooled(rows, batch, by: $0)
      }
      return try finished(pooled.count == 1 ? pooled[0] : Tensor.cat(pooled, 1), source, type)
    case .pixels, .features:
      let own = TrainedArchitecture(rawValue: form.architecture)
      let network =
        try own?.network(source, height: form.height, width: form.width)
        ?? PretrainedImageEncoder.network(configuration, source).0
      func channels(_ numbers: [Float]) throws -> Tensor {
        try Tensor(numbers, shape: [1, 3, 1, 1]).to(type, on: inputs.device)
      }
      let pixels = try (inputs.to(type) * Double(form.factor) - channels(form.mean)) / channels(form.deviation)
      return try finished(network.features(pixels, by: form.poolings.first ?? network.standard), source, type)
    }
  }

  /// Features after what follows the network.
  private func finished(_ pooled: Tensor, _ source: CheckpointWeights, _ type: ElementType) throws -> Tensor {
    var features = try pooled.to(type)
    for step in form.steps ?? [] {
      guard let name = step.dense else {
        features = try SentenceModules.normalized(features)
        continue
      }
      let shape = form.weights["\(name).weight"] ?? []
      guard shape.count == 2 else { throw CheckpointError.noTensor("\(name).weight", in: "the model") }
      let layer = try Affine(source, name, from: shape[1], to: shape[0], bias: form.weights["\(name).bias"] != nil)
      features = try (step.activation ?? .identity)(layer(features))
    }
    return features
  }

  /// The tokens of each text, without what follows the last.
  private static func rows(_ inputs: Tensor) throws -> [[Int]] {
    let numbers: [Int] = try inputs.array()
    let length = inputs.shape[1]
    return (0..<inputs.shape[0]).map { numbers[($0 * length)..<(($0 + 1) * length)].prefix { $0 > 0 }.map { $0 - 1 } }
  }
}

/// Tensors at hand.
private struct GivenWeights: WeightSource {
  private let tensors: [String: Tensor]
  let names: Set<String>

  init(_ tensors: [String: Tensor]) {
    self.tensors = tensors
    names = Set(tensors.keys)
  }

  func shape(of name: String) -> [Int]? { tensors[name]?.shape }
  func tensor(_ name: String, _ shape: [Int]?) -> Tensor? { tensors[name] }
}
