public import Multimodal
package import Torch

// Impairments of what encoders that are trained with the model read: pixels and tokens, when a sample is visited.

/// What can happen to a text's tokens as well as to its letters.
public protocol TokenImpairment: RawImpairment {
  /// The tokens that are left, in their new order.
  func impaired(_ tokens: [Int32], using numbers: inout SeededNumbers) -> [Int32]
}

extension ImpairmentSettings {
  /// The impairment of that name where samples are pixels or tokens; nil where it cannot be done to them.
  ///
  /// - Parameter strength: nil takes the usual one; of noise these settings say it.
  package func drawn(_ name: String, _ form: InputForm, strength: Double? = nil) -> (any RawImpairment)? {
    let kind: RawInput.Kind
    switch form {
    case .features: return nil
    case .pixels: kind = .image
    case .tokens: kind = .text
    }
    if name == ImpairedCondition.noisy.rawValue { return impairment(.noisy, of: kind) }
    guard let named = NamedImpairment.all.first(where: { $0.name == name && $0.kind == kind }) else { return nil }
    let impairment = named(strength.flatMap { named.objection(to: $0) == nil ? $0 : nil } ?? named.usual)
    // Of a token nobody knows the letters.
    return kind == .text && !(impairment is any TokenImpairment) ? nil : impairment
  }
}

extension Tensor {
  /// Samples as they are stored, each impaired: pixels [n, 3, H, W] of uint8, or tokens [n, L] with zeros behind.
  ///
  /// Of tokens the first and the last stay where they are, which mark where a text begins and ends.
  ///
  /// - Parameter numbers: the stream of the sample in that row.
  package func impaired(by impairment: any RawImpairment, _ numbers: (Int) -> SeededNumbers) throws -> Tensor {
    if rank == 4 {
      let size = shape.dropFirst().reduce(1, *)
      var bytes: [UInt8] = try array()
      for row in 0..<shape[0] {
        let place = row * size..<(row + 1) * size
        var stream = numbers(row)
        let picture = RGBImage(planes: bytes[place], width: shape[3], height: shape[2])
        guard case .image(let seen) = try impairment.impaired(.image(picture), using: &stream) else { continue }
        bytes.replaceSubrange(place, with: seen.planes)
      }
      return try Tensor(bytes, shape: shape)
    }
    guard let impairment = impairment as? any TokenImpairment else { return self }
    let length = shape[1]
    var tokens: [Int32] = try to(.int32).array()
    for row in 0..<shape[0] {
      let text = tokens[row * length..<(row + 1) * length].filter { $0 != 0 }
      guard text.count > 2 else { continue }
      var stream = numbers(row)
      let inner = impairment.impaired(Array(text.dropFirst().dropLast()), using: &stream)
      let seen = text.prefix(1) + inner + text.suffix(1)
      for place in 0..<length { tokens[row * length + place] = place < seen.count ? seen[seen.startIndex + place] : 0 }
    }
    return try Tensor(tokens, shape: shape).to(elementType)
  }
}

extension RGBImage {
  /// A picture from its red, green and blue planes, one behind the other.
  fileprivate init(planes: ArraySlice<UInt8>, width: Int, height: Int) {
    let count = width * height
    var pixels = [UInt8](repeating: 0, count: 3 * count)
    for channel in 0..<3 {
      let start = planes.startIndex + channel * count
      for place in 0..<count { pixels[3 * place + channel] = planes[start + place] }
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// Red, green and blue, one plane behind the other.
  fileprivate var planes: [UInt8] {
    let count = width * height
    var planes = [UInt8](repeating: 0, count: 3 * count)
    pixels.withUnsafeBufferPointer { pixels in
      for channel in 0..<3 {
        for place in 0..<count { planes[channel * count + place] = pixels[3 * place + channel] }
      }
    }
    return planes
  }
}
