import Foundation
public import Torch

/// Rotary position embeddings over pairs of channels i and i + e/2, as the Llama family has them (Su et al., 2021).
///
///     fᵢ = θ^(−2i/e);   yᵢ = xᵢ cos(p fᵢ) − xᵢ₊ₑ⁄₂ sin(p fᵢ);   yᵢ₊ₑ⁄₂ = xᵢ₊ₑ⁄₂ cos(p fᵢ) + xᵢ sin(p fᵢ)
public struct RotaryEmbedding: Sendable {
  /// How frequencies are changed for sequences that are longer than a network was first trained on.
  public enum Scaling: Sendable, Equatable {
    case none
    /// fᵢ / factor.
    case linear(factor: Double)
    /// Long waves by 1/factor, short ones not at all, those between in part (Llama 3.1).
    case llama3(factor: Double, low: Double, high: Double, original: Double)
  }

  /// fᵢ of each pair, [e/2].
  public let frequencies: [Double]
  /// How many frequencies follow each row of positions, where there are several (M-RoPE, Qwen2-VL); empty where there is one.
  public let sections: [Int]

  /// - Parameter width: e, the width of a head; even.
  public init(width: Int, theta: Double, scaling: Scaling = .none, sections: [Int] = []) {
    frequencies = (0..<width / 2).map { Self.scaled(pow(theta, -2 * Double($0) / Double(width)), scaling) }
    self.sections = sections
  }

  /// Frequencies that are given; sections as above.
  public init(frequencies: [Double], sections: [Int] = []) {
    self.frequencies = frequencies
    self.sections = sections
  }

  private static func scaled(_ frequency: Double, _ scaling: Scaling) -> Double {
    switch scaling {
    case .none: return frequency
    case .linear(let factor): return frequency / factor
    case .llama3(let factor, let low, let high, let original):
      let wave = 2 * Double.pi / frequency
      if wave < original / high { return frequency }
      if wave > original / low { return frequency / factor }
      let share = (original / wave - low) / (high - low)
      return (1 - share) * frequency / factor + share * frequency
    }
  }

  /// The cosines and sines of tokens' angles, for all layers and heads.
  ///
  /// - Parameter positions: of each row of positions, of each sequence, of each token: [1 or sections][B][L].
  public func table(
    _ positions: [[[Int]]], _ type: ElementType, on device: Device = .cpu
  ) throws(TorchError) -> RotaryTable {
    // As other implementations do, angles are float32 numbers unless everything is float64.
    let exact: ElementType = type == .float64 ? .float64 : .float32
    let rates = try Tensor(frequencies).to(exact, on: device)
    var angles: [Tensor] = []
    for row in positions {
      let numbers = try Tensor(row.flatMap { $0 }, shape: [row.count, row[0].count, 1]).to(exact, on: device)
      angles.append(try numbers * rates)
    }
    var own = angles[0]
    if angles.count > 1 {
      var start = 0
      var parts: [Tensor] = []
      for (part, length) in zip(angles, sections) {
        parts.append(try part.narrowed(2, from: start, length: length))
        start += length
      }
      own = try Tensor.cat(parts, 2)
    }
    return try RotaryTable(angles: own, type)
  }
}

/// The rotation of tokens by their angles.
public struct RotaryTable {
  /// [B, 1, L, e].
  private let cosine: Tensor
  /// The same, the first half with the sign turned.
  private let sine: Tensor
  private let half: Int

  /// - Parameter angles: of each pair of channels, [B, L, e/2].
  public init(angles: Tensor, _ type: ElementType) throws(TorchError) {
    half = angles.shape[2]
    let sines = try angles.sine()
    let cosines = try angles.cosine()
    cosine = try Tensor.cat([cosines, cosines], 2).unsqueezed(1).to(type)
    sine = try Tensor.cat([-sines, sines], 2).unsqueezed(1).to(type)
  }

  /// The heads' rows [B, heads, L, e], rotated.
  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    let turned = try Tensor.cat(
      [x.narrowed(3, from: half, length: half), x.narrowed(3, from: 0, length: half)], 3)
    return try x * cosine + turned * sine
  }
}
