/// The worth of picture and sample text to a label's log p, where each is hidden by an attention mask; instruction and frame
/// stay.
///
///     φ_v = ½ (v(v) − v()) + ½ (v(vs) − v(s));  I = v(vs) − v(v) − v(s) + v()
public struct MaskedShapley: Sendable, Equatable {
  /// v(vs), v(v), v(s) and v().
  public let both: Double
  public let image: Double
  public let text: Double
  public let none: Double

  public init(both: Double, image: Double, text: Double, none: Double) {
    self.both = both
    self.image = image
    self.text = text
    self.none = none
  }

  /// φ of the picture and of the text; they add up to v(vs) − v().
  public var values: (image: Double, text: Double) {
    (0.5 * (image - none) + 0.5 * (both - text), 0.5 * (text - none) + 0.5 * (both - image))
  }

  /// Above 0 the two tell more together than each for itself.
  public var interaction: Double { both - image - text + none }

  /// The picture's share of both values; nil unless both are above 0.
  public var imageShare: Double? {
    let (image, text) = values
    return image > 0 && text > 0 ? image / (image + text) : nil
  }
}
