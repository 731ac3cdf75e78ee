import Foundation
import Records
import Torch
import TorchNN

/// What sentence-transformers does after a network: `modules.json`, and the folders that it names.
struct SentenceModules {
  enum Step {
    case dense(Linear, Activation)
    case normalize
  }

  /// Where the network's own files are.
  private(set) var transformer: String?
  /// Several are laid side by side; none where the network's own pooling is meant.
  private(set) var poolings: [Pooling] = []
  private(set) var steps: [Step] = []
  /// The files that were read, relative to the folder.
  private(set) var files: [String] = ["modules.json"]

  /// The modules of a folder; nil where it is no sentence-transformers checkpoint.
  init?(in folder: URL, as arithmetic: NetworkArithmetic) throws {
    let url = folder.appending(path: "modules.json")
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let data = try BoundedFile.read(url, limit: BoundedFile.largestRecord)
    guard let list = (try? Tree(json: String(decoding: data, as: UTF8.self)))?.listValue else {
      throw CheckpointError.unreadable(file: url.path, reason: "it is not a JSON list")
    }
    for module in list {
      let name = module[path: "type"]?.stringValue ?? ""
      let path = module[path: "path"]?.stringValue ?? ""
      guard !path.split(separator: "/").contains("..") else {
        throw CheckpointError.unreadable(file: url.path, reason: "the path '\(path)' leads out of the folder")
      }
      switch name.split(separator: ".").last {
      case "Transformer", "CLIPModel": transformer = path
      case "Pooling": try addPooling(folder, path)
      case "Dense": try addDense(folder, path, arithmetic)
      case "Normalize": steps.append(.normalize)
      // Says how texts are dropped out in training, and does nothing afterwards.
      case "Dropout": break
      default:
        throw CheckpointError.unsupported(
          key: "type", value: name, in: url.path, supported: "Transformer, Pooling, Dense, Normalize")
      }
    }
  }

  /// The folder of the network itself.
  static func place(of modules: SentenceModules?, in folder: URL) -> URL {
    modules?.transformer.map { $0.isEmpty ? folder : folder.appending(path: $0) } ?? folder
  }

  private static let modes: [(key: String, pooling: Pooling)] = [
    ("pooling_mode_cls_token", .cls), ("pooling_mode_max_tokens", .max), ("pooling_mode_mean_tokens", .mean),
    ("pooling_mode_mean_sqrt_len_tokens", .meanRoot), ("pooling_mode_lasttoken", .last),
  ]

  private mutating func addPooling(_ folder: URL, _ path: String) throws {
    let name = "\(path)/config.json"
    files.append(name)
    let configuration = try CheckpointConfiguration(reading: folder.appending(path: name))
    try configuration.require("pooling_mode_weightedmean_tokens", .bool(false))
    guard try configuration.flag("include_prompt", default: true) else {
      throw configuration.unsupported("include_prompt", supported: "true")
    }
    if let named = configuration["pooling_mode"] {
      let names = named.listValue?.compactMap(\.stringValue) ?? [named.stringValue ?? ""]
      let known: [String: Pooling] = [
        "cls": .cls, "max": .max, "mean": .mean, "mean_sqrt_len_tokens": .meanRoot, "lasttoken": .last,
      ]
      poolings = try names.map { name in
        guard let pooling = known[name] else {
          throw configuration.unsupported("pooling_mode", supported: known.keys.sorted().joined(separator: ", "))
        }
        return pooling
      }
    } else {
      poolings = try Self.modes.filter { try configuration.flag($0.key, default: false) }.map(\.pooling)
    }
    guard !poolings.isEmpty else { throw configuration.malformed("pooling_mode_mean_tokens", "one of several modes") }
  }

  private mutating func addDense(_ folder: URL, _ path: String, _ arithmetic: NetworkArithmetic) throws {
    let name = "\(path)/config.json"
    let place = folder.appending(path: path)
    files += [name, "\(path)/model.safetensors"]
    let configuration = try CheckpointConfiguration(reading: folder.appending(path: name))
    let function = try configuration.text("activation_function", default: "torch.nn.modules.activation.Tanh")
    let known: [String: Activation] = [
      "Tanh": .tanh, "Identity": .identity, "ReLU": .relu, "GELU": .gelu, "Sigmoid": .sigmoid, "SiLU": .silu,
    ]
    guard let activation = function.split(separator: ".").last.flatMap({ known[String($0)] }) else {
      throw configuration.unsupported("activation_function", supported: known.keys.sorted().joined(separator: ", "))
    }
    let (inputs, outputs) = (
      try configuration.count("in_features", default: 1), try configuration.count("out_features", default: 1)
    )
    let hasBias = try configuration.flag("bias", default: true)
    let layer = try CheckpointWeights(in: place, as: arithmetic).network { scope, _ in
      try Linear(scope / "linear", in: inputs, out: outputs, hasBias: hasBias)
    }
    steps.append(.dense(layer, activation))
  }

  /// The width of what comes out, of rows so wide.
  func width(of pooled: Int) -> Int {
    steps.reduce(pooled) { width, step in if case .dense(let layer, _) = step { layer.outputs } else { width } }
  }

  func callAsFunction(_ rows: Tensor) throws -> Tensor {
    try steps.reduce(rows) { rows, step in
      switch step {
      case .dense(let layer, let activation): return try activation(layer(rows))
      case .normalize: return try Self.normalized(rows.to(.float32))
      }
    }
  }

  /// Rows [B, D], each of length 1.
  static func normalized(_ rows: Tensor) throws -> Tensor {
    try rows / rows.square().sum(1, keeping: true).clamped(min: 1e-24).squareRoot()
  }
}
