import Multimodal

/// A fitted linear map to fewer numbers: `(x - centre) · directionsᵀ · gain`.
struct Projection: Sendable, Equatable {
  let centre: [Float]
  let directions: [[Float]]
  /// One factor for all directions, which makes the training features' mean square 1; relative sizes stay.
  let gain: Float

  var width: Int { directions.count }

  init(centre: [Float], directions: [[Float]], gain: Float) {
    self.centre = centre
    self.directions = directions
    self.gain = gain
  }

  /// The gain for singular values of a matrix of so many rows.
  static func gain(values: [Float], rows: Int) -> Float {
    let energy = values.reduce(0) { $0 + Double($1) * Double($1) }
    return energy > 0 ? Float((Double(rows) * Double(values.count) / energy).squareRoot()) : 1
  }

  /// The features of a centred row.
  func features(centred row: [Float]) -> [Float] { directions.map { dot(row, $0) * gain } }

  func arrays() -> [String: EncoderArray] {
    [
      "centre": EncoderArray(shape: [centre.count], values: centre),
      "directions": EncoderArray(shape: [width, centre.count], values: directions.flatMap { $0 }),
      "gain": EncoderArray(shape: [1], values: [gain]),
    ]
  }

  init(_ arrays: [String: EncoderArray], encoder: String) throws {
    guard let centre = arrays["centre"], let directions = arrays["directions"], let gain = arrays["gain"]?.values.first,
      centre.shape.count == 1, directions.shape.count == 2, directions.shape[1] == centre.values.count
    else { throw EncoderError.unreadableState(encoder: encoder, reason: "its projection is incomplete") }
    let length = centre.values.count
    self.init(
      centre: centre.values,
      directions: (0..<directions.shape[0]).map { Array(directions.values[$0 * length..<($0 + 1) * length]) },
      gain: gain)
  }
}

/// A row stretched to a root mean square of 1, as a layer norm leaves it, so that an unusual input (a black picture)
/// differs from others in direction and not in size; a row of zeros stays.
func unitRMS(_ row: [Float]) -> [Float] {
  let square = row.reduce(0) { $0 + Double($1) * Double($1) } / Double(max(row.count, 1))
  guard square > 0 else { return row }
  let factor = Float(1 / square.squareRoot())
  return row.map { $0 * factor }
}
