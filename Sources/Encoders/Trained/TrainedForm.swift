public import Multimodal
import Records
import TorchNN

/// How an encoder that is trained with a model is built: all that its weights do not say.
public struct TrainedForm: Codable, Equatable, Sendable {
  /// One of ``TrainedArchitecture``, or a checkpoint's `model_type`.
  public var architecture: String
  /// The checkpoint's `config.json`; nil where it has none, and of an architecture of our own.
  var configuration: Tree?
  /// Of the pictures, 0 for texts.
  var height = 0
  var width = 0
  /// Of the texts, 0 for pictures.
  var length = 0
  /// What bytes are multiplied by, what is taken off and divided by, a channel.
  var factor: Float = 1 / 255
  var mean: [Float] = [0.5, 0.5, 0.5]
  var deviation: [Float] = [0.5, 0.5, 0.5]
  /// Several are laid side by side.
  var poolings: [Pooling]
  /// What follows the poolings, where sentence-transformers lists something.
  var steps: [Step]?
  /// The width of the features.
  var features = 0
  /// The shape of each of its weights, by name.
  var weights: [String: [Int]] = [:]

  /// A dense layer and a function, or the length brought to 1.
  struct Step: Codable, Equatable, Sendable {
    /// The place of the dense layer among the weights; nil: unit length.
    var dense: String?
    var activation: Activation?
  }

  init(architecture: String, configuration: Tree? = nil, input: InputForm, poolings: [Pooling]) {
    self.architecture = architecture
    self.configuration = configuration
    self.poolings = poolings
    switch input {
    case .pixels(let height, let width): (self.height, self.width) = (height, width)
    case .tokens(let length): self.length = length
    case .features: break
    }
  }

  /// What it reads.
  public var input: InputForm {
    length > 0 ? .tokens(length: length) : .pixels(height: height, width: width)
  }
}

/// An architecture that is trained from nothing.
public enum TrainedArchitecture: String, CaseIterable, Sendable {
  case smallCNN = "small-cnn"
  case resNet18 = "resnet-18"
  case vitTiny = "vit-tiny"
  case vitSmall = "vit-small"

  public var summary: String {
    switch self {
    case .smallCNN: "four convolutions, 0.4 M parameters, 256 features; pictures from 16 pixels on"
    case .resNet18: "ResNet-18 as torchvision has it, 11 M parameters, 512 features; pictures from 32 pixels on"
    case .vitTiny: "a transformer over patches (DeiT-Ti), 5 M parameters, 192 features; pictures from 16 pixels on"
    case .vitSmall: "the same, larger (DeiT-S), 21 M parameters, 384 features"
    }
  }
}
