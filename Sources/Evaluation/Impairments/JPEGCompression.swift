import Encoders
public import Multimodal
import Records

/// A picture that was compressed too much: written as JPEG and read again.
public struct JPEGCompression: RawImpairment, Equatable {
  /// From 1, the coarsest, to 100.
  public let quality: Int

  public init(quality: Int = 5) {
    self.quality = quality
  }

  public var kind: RawInput.Kind { .image }

  /// The picture that was read again; anything else passes unchanged.
  ///
  /// - Throws: a `Diagnosis` where a side has more than the 65,500 pixels that a JPEG file can have.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) throws -> RawInput {
    guard case .image(let image) = input else { return input }
    do { return .image(try RGBImage(decoding: image.jpeg(quality: quality))) } catch {
      throw Diagnosis(
        "a picture of \(image.width) × \(image.height) pixels cannot be written as JPEG",
        remedy: "shrink it, or leave out the impairment 'jpeg'", exitStatus: .input)
    }
  }
}
