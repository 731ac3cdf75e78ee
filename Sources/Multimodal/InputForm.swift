public import Torch

/// What one sample of a modality is to a model.
public enum InputForm: Sendable, Equatable {
  /// A row of features, made by an encoder that is not trained here, or by nobody.
  case features(width: Int)
  /// A picture: bytes [3, height, width].
  case pixels(height: Int, width: Int)
  /// A text: whole numbers [length], each a token plus one; 0 is no token, so that zeros are no text at all.
  case tokens(length: Int)

  /// Of one sample.
  public var shape: [Int] {
    switch self {
    case .features(let width): [width]
    case .pixels(let height, let width): [3, height, width]
    case .tokens(let length): [length]
    }
  }

  /// What a sample is stored as; features may be of any real type.
  public var elementType: ElementType {
    switch self {
    case .features: .float32
    case .pixels: .uint8
    case .tokens: .int32
    }
  }

  /// How many numbers a sample has.
  public var count: Int { shape.reduce(1, *) }

  /// Whether an encoder must make features of it within the model.
  public var needsEncoder: Bool { if case .features = self { false } else { true } }

  /// The form of stored samples [N, …]; nil for what is none.
  public init?(shape: [Int], type: ElementType) {
    let sample = Array(shape.dropFirst())
    switch (sample.count, type) {
    case (1, _) where type.isFloatingPoint: self = .features(width: sample[0])
    case (1, .int32), (1, .int64): self = .tokens(length: sample[0])
    case (3, .uint8) where sample[0] == 3: self = .pixels(height: sample[1], width: sample[2])
    default: return nil
    }
  }

  /// As people write it: 128, 64 × 64 pixels, 32 tokens.
  public var words: String {
    switch self {
    case .features(let width): "\(width)"
    case .pixels(let height, let width): "\(width) × \(height) pixels"
    case .tokens(let length): "\(length) tokens"
    }
  }
}
