import Multimodal
import Records
import Torch
import TorchNN

/// The network of an encoder that is trained, over the parameters of a model.
struct TrainedModule: EncoderNetwork {
  private enum Network {
    case pictures(any VisionNetwork)
    case texts(any TextNetwork)
  }

  private let form: TrainedForm
  private let network: Network
  private let type: ElementType
  /// The layers of the form's steps; nil: a step without one.
  private let dense: [Linear?]

  /// - Parameter values: what a checkpoint's parameters begin as; nil where somebody will put them there.
  init(_ form: TrainedForm, _ scope: Scope, _ values: [String: Tensor]?) throws {
    self.form = form
    let own = TrainedArchitecture(rawValue: form.architecture)
    let scope = own == nil ? scope.beginning(as: values ?? [:]) : scope
    type = scope.elementType ?? .float32
    let names = CheckpointNames(form.weights, of: "the model")
    let configuration = form.configuration?.tableValue.map {
      CheckpointConfiguration(file: "\(form.architecture)'s config.json", table: $0)
    }
    switch form.input {
    case .tokens:
      guard let configuration else { throw CheckpointError.noFile("config.json", in: "the model") }
      network = .texts(try PretrainedTextEncoder.network(scope, configuration, names))
    case .pixels, .features:
      network = .pictures(
        try own?.network(scope, height: form.height, width: form.width)
          ?? PretrainedImageEncoder.network(scope, configuration, names).0)
    }
    dense = try (form.steps ?? []).map { step in
      try step.dense.map { name in
        guard let shape = form.weights["\(name).weight"], shape.count == 2 else {
          throw CheckpointError.noTensor("\(name).weight", in: "the model")
        }
        let place = name.split(separator: ".").reduce(scope) { $0 / String($1) }
        return try Linear(place, in: shape[1], out: shape[0], hasBias: form.weights["\(name).bias"] != nil)
      }
    }
  }

  func callAsFunction(_ inputs: Tensor, _ pass: ForwardPass) throws(TorchError) -> Tensor {
    do { return try features(of: inputs, pass) } catch let error as TorchError { throw error } catch {
      throw TorchError(operation: form.architecture, shapes: [inputs.shape], message: Diagnosis(describing: error).what)
    }
  }

  private func features(of inputs: Tensor, _ pass: ForwardPass) throws -> Tensor {
    switch network {
    case .texts(let network):
      // No row looks at padding: any token will do.
      // As long as the longest of all processes' texts: what dropout draws depends on it.
      let longest = try pass.shared.map { try Self.rows($0.all).reduce(0) { max($0, $1.count) } } ?? 0
      let batch = try TokenBatch(Self.rows(inputs), padding: 0, atLeast: longest, on: inputs.device)
      return try finished(network.features(batch, pass, by: form.poolings).features.to(type), pass)
    case .pictures(let network):
      func channels(_ numbers: [Float]) throws -> Tensor {
        try Tensor(numbers, shape: [1, 3, 1, 1]).to(type, on: inputs.device)
      }
      let pixels = try (inputs.to(type) * Double(form.factor) - channels(form.mean)) / channels(form.deviation)
      let pooled = try network.features(pixels, pass, by: form.poolings.first ?? network.standard)
      return try finished(pooled.to(type), pass)
    }
  }

  /// Features after what follows the network.
  private func finished(_ pooled: Tensor, _ pass: ForwardPass) throws -> Tensor {
    try zip(form.steps ?? [], dense).reduce(pooled) { features, step in
      guard let layer = step.1 else { return try SentenceModules.normalized(features) }
      return try (step.0.activation ?? .identity)(layer(features, pass))
    }
  }

  /// The tokens of each text, without what follows the last.
  private static func rows(_ inputs: Tensor) throws -> [[Int]] {
    let numbers: [Int] = try inputs.array()
    let length = inputs.shape[1]
    return (0..<inputs.shape[0]).map { numbers[($0 * length)..<(($0 + 1) * length)].prefix { $0 > 0 }.map { $0 - 1 } }
  }
}
