/// What one modality of one sample looks like before any encoder saw it.
public enum RawInput: Sendable, Equatable {
  case image(RGBImage)
  case text(String)
  case audio(Waveform)

  /// The kinds of input, named as the modalities they make.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case image, text, audio
  }

  /// Whether this is a picture, a text or a sound.
  public var kind: Kind {
    switch self {
    case .image: .image
    case .text: .text
    case .audio: .audio
    }
  }

  /// Whether it holds nothing: a text of white space, a black picture, silence.
  public var isEmpty: Bool {
    switch self {
    case .image(let image): image.pixels.allSatisfy { $0 == 0 }
    case .text(let text): text.allSatisfy(\.isWhitespace)
    case .audio(let sound): sound.samples.allSatisfy { $0 == 0 }
    }
  }

  /// What stands in for an absent input: a black picture, the empty text, silence.
  public static func missing(_ kind: Kind) -> RawInput {
    switch kind {
    case .image: .image(.black)
    case .text: .text("")
    case .audio: .audio(.silence)
    }
  }
}

/// A picture in memory: 8 bits a channel, red, green, blue, rows from the top.
public struct RGBImage: Sendable, Equatable {
  public let width: Int
  public let height: Int
  /// `width * height * 3` bytes.
  public var pixels: [UInt8] {
    didSet { precondition(pixels.count == oldValue.count, "the pixels of a picture may change, their number may not") }
  }

  /// A picture from its bytes, of which there must be `width * height * 3`.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0, "a picture has at least one pixel")
    precondition(pixels.count == width * height * 3, "a picture has three bytes a pixel")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// The picture of zero pixels that stands for a missing one; square, so that no encoder pads it.
  public static let black = RGBImage(width: 64, height: 64, pixels: [UInt8](repeating: 0, count: 64 * 64 * 3))
}

/// A sound in memory: one channel, amplitudes of -1…1.
public struct Waveform: Sendable, Equatable {
  /// Samples a second.
  public let rate: Int
  public var samples: [Float]

  /// A sound of at least one sample.
  public init(rate: Int, samples: [Float]) {
    precondition(rate > 0 && !samples.isEmpty, "a sound has a rate and at least one sample")
    self.rate = rate
    self.samples = samples
  }

  /// The second of zeros that stands for a missing sound.
  public static let silence = Waveform(rate: 16_000, samples: [Float](repeating: 0, count: 16_000))
}

/// Inputs of one modality that are read when they are needed, so that they need not all fit in memory.
public struct RawInputs: Sendable {
  public let count: Int
  private let read: @Sendable (Int) throws -> RawInput

  /// Inputs from a function of their number; it is called from several threads.
  public init(count: Int, read: @escaping @Sendable (Int) throws -> RawInput) {
    self.count = count
    self.read = read
  }

  /// Inputs that are in memory already.
  public init(_ inputs: [RawInput]) {
    self.init(count: inputs.count) { inputs[$0] }
  }

  public subscript(index: Int) -> RawInput {
    get throws { try read(index) }
  }
}
