public import Multimodal

/// Settings of ``HOGColourEncoder``.
public struct HOGColourSettings: ProjectionSettings {
  /// The side of the square that pictures are fitted into, in pixels.
  public var side = 64
  /// The side of a cell of gradients, in pixels; divides `side`.
  public var cell = 8
  /// The number of directions, over 180°.
  public var orientations = 9
  /// The side of the thumbnail, in pixels.
  public var thumbnail = 12
  /// The number of levels of each channel in the colour histogram.
  public var levels = 4
  /// The number of features, or fewer where there are fewer training rows.
  public var components = 128
  /// Where the randomised projection starts.
  public var seed: UInt64 = 0

  public init() {}
}

/// Edges, colours and a thumbnail of a picture, reduced to their main directions.
///
/// Needs no download. Oriented gradients, a colour histogram and a small thumbnail are standardised on the training split and
/// projected on its first principal directions. Features of the training split have a mean square of 1.
public typealias HOGColourEncoder = ProjectedEncoder<HOGColour>

/// Oriented gradients, a colour histogram and a thumbnail of a picture.
public struct HOGColour: InputMeasure {
  public static let name = "hog-colour"
  public static let version = 1
  public static let kind = RawInput.Kind.image
  public static let summary = "edges (HOG), colour histogram and thumbnail, projected by PCA; no download"

  public let settings: HOGColourSettings

  public init(_ settings: HOGColourSettings) throws(EncoderError) {
    try Self.check((8...1024).contains(settings.side), "'side' is \(settings.side), not in 8 to 1024")
    try Self.check(
      settings.cell > 0 && settings.side % settings.cell == 0 && settings.side / settings.cell > 1,
      "'cell' is \(settings.cell), which does not divide 'side' (\(settings.side)) into two or more")
    try Self.check(
      (1...36).contains(settings.orientations), "'orientations' is \(settings.orientations), not in 1 to 36")
    try Self.check(
      (1...settings.side).contains(settings.thumbnail), "'thumbnail' is \(settings.thumbnail), not in 1 to 'side'")
    try Self.check((1...16).contains(settings.levels), "'levels' is \(settings.levels), not in 1 to 16")
    self.settings = settings
  }

  public var count: Int {
    let blocks = settings.side / settings.cell - 1
    let colours = settings.levels * settings.levels * settings.levels
    return blocks * blocks * 4 * settings.orientations + colours + 3 * settings.thumbnail * settings.thumbnail
  }

  public func numbers(of input: RawInput) throws -> [Float] {
    guard case .image(let image) = input else {
      throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind)
    }
    let planes = Planes(fitting: image, side: settings.side)
    let gradients = OrientedGradients(side: settings.side, cell: settings.cell, orientations: settings.orientations)
    return gradients.features(of: planes) + histogram(planes) + planes.averages(cells: settings.thumbnail)
  }

  /// The root of each colour's share of the picture, so that small patches count too.
  private func histogram(_ planes: Planes) -> [Float] {
    let levels = settings.levels
    var counts = [Float](repeating: 0, count: levels * levels * levels)
    let pixels = planes.width * planes.height
    for i in 0..<pixels {
      var bin = 0
      for plane in planes.channels { bin = bin * levels + max(0, min(Int(plane[i] * Float(levels)), levels - 1)) }
      counts[bin] += 1
    }
    return counts.map { ($0 / Float(pixels)).squareRoot() }
  }
}
