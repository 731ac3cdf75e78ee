import Multimodal

/// Rows of numbers, standardised as on the training split and projected on its first principal directions.
struct StandardisedProjection: Sendable {
  private let scale: [Float]
  private let projection: Projection

  var width: Int { projection.width }

  /// - Throws: ``EncoderError/nothingToLearnFrom(encoder:)``.
  init(
    fitting inputs: [PreparedInput], length: Int, components: Int, seed: UInt64, threads: Int, encoder: String
  ) throws {
    guard !inputs.isEmpty else { throw EncoderError.nothingToLearnFrom(encoder: encoder) }
    var sums = [Double](repeating: 0, count: length)
    for input in inputs { for (i, value) in input.values.enumerated() { sums[i] += Double(value) } }
    let means = sums.map { $0 / Double(inputs.count) }
    var squares = [Double](repeating: 0, count: length)
    for input in inputs {
      for (i, value) in input.values.enumerated() {
        squares[i] += (Double(value) - means[i]) * (Double(value) - means[i])
      }
    }
    let centre = means.map(Float.init)
    // A number that hardly varies in training must not explode elsewhere.
    let scale = squares.map { 1 / max(Float(($0 / Double(inputs.count)).squareRoot()), 0.02) }
    let rows = inputs.map { Self.standardised($0.values, centre, scale) }
    let svd = try RandomizedSVD(
      of: LinearMap(dense: rows, columns: length, threads: threads), rank: components, seed: seed)
    guard !svd.directions.isEmpty else { throw EncoderError.nothingToLearnFrom(encoder: encoder) }
    self.scale = scale
    projection = Projection(
      centre: centre, directions: svd.directions, gain: Projection.gain(values: svd.values, rows: rows.count))
  }

  /// Standardised, and bounded so that an unusual input (a black picture, silence) stays in sight of the others.
  private static func standardised(_ values: [Float], _ centre: [Float], _ scale: [Float]) -> [Float] {
    values.indices.map { max(-5, min(5, (values[$0] - centre[$0]) * scale[$0])) }
  }

  /// The features of each input, of mean square 1.
  func features(_ inputs: [PreparedInput], threads: Int) throws -> [Float] {
    try parallelMap(inputs.count, threads: threads) { index in
      unitRMS(projection.features(centred: Self.standardised(inputs[index].values, projection.centre, scale)))
    }.flatMap { $0 }
  }

  func arrays() -> [String: EncoderArray] {
    var arrays = projection.arrays()
    arrays["scale"] = EncoderArray(shape: [scale.count], values: scale)
    return arrays
  }

  /// - Throws: ``EncoderError/unreadableState(encoder:reason:)``.
  init(_ arrays: [String: EncoderArray], length: Int, encoder: String) throws {
    projection = try Projection(arrays, encoder: encoder)
    guard let scale = arrays["scale"]?.values, scale.count == length, projection.centre.count == length
    else { throw EncoderError.unreadableState(encoder: encoder, reason: "its arrays do not fit its settings") }
    self.scale = scale
  }
}
