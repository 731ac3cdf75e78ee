/// The rotation that takes one direction to another and leaves everything orthogonal to both as it is.
///
///     R = I + A + A²/(1 + ⟨x, y⟩),   A = y xᵀ − x yᵀ,   for unit x and y
///
/// computed as R = I + (cos φ − 1)(x xᵀ + u uᵀ) + sin φ (u xᵀ − x uᵀ), where u is the part of y across x and φ the angle,
/// which stays orthogonal to rounding also where x and y are nearly opposite.
enum PlaneRotation {
  /// R, d × d row by row; nil where one of the two has no direction.
  ///
  /// Opposite directions are turned through the basis vector that is least along them.
  static func matrix(from x: [Double], to y: [Double]) -> [Double]? {
    guard let x = unit(x), let y = unit(y) else { return nil }
    let across = across(x, y)
    let (cosine, sine) = (dot(x, y), dot(across, across).squareRoot())
    let radius = (cosine * cosine + sine * sine).squareRoot()
    if cosine > 0, sine < 1e-15 { return rotation(x, x.map { _ in 0 }, 1, 0) }
    let axis = sine < 1e-15 ? leastAxis(x) : across
    // Twice, since of a short vector little but rounding is left.
    guard let once = unit(axis).flatMap({ unit(self.across(x, $0)) }), let u = unit(self.across(x, once)) else {
      return nil
    }
    return rotation(x, u, cosine / radius, sine / radius)
  }

  private static func rotation(_ x: [Double], _ u: [Double], _ cosine: Double, _ sine: Double) -> [Double] {
    x.indices.flatMap { i in
      x.indices.map { j in
        let still = (i == j ? 1 : 0) + (cosine - 1) * (x[i] * x[j] + u[i] * u[j])
        return still + sine * (u[i] * x[j] - x[i] * u[j])
      }
    }
  }

  private static func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  /// What of y is orthogonal to the unit vector x.
  private static func across(_ x: [Double], _ y: [Double]) -> [Double] {
    let along = dot(x, y)
    return zip(x, y).map { $1 - along * $0 }
  }

  /// The vector divided by its length; nil for what has none that is finite and above zero.
  static func unit(_ vector: [Double]) -> [Double]? {
    // By its largest number first, whose square is then no danger.
    guard let top = vector.map(abs).max(), top > 0, top.isFinite else { return nil }
    let scaled = vector.map { $0 / top }
    let length = dot(scaled, scaled).squareRoot()
    return scaled.map { $0 / length }
  }

  /// The basis vector that is least along x.
  private static func leastAxis(_ x: [Double]) -> [Double] {
    let axis = x.indices.min { abs(x[$0]) < abs(x[$1]) }
    return x.indices.map { $0 == axis ? 1 : 0 }
  }
}
