import Multimodal

/// Two modalities of which it is known what each contributes: four classes, of which an ideal classifier makes no mistake.
///
/// Features are ±1 by the bits of the class, with some noise; what says nothing is noise alone.
public struct ContributionData: Sendable {
  /// What the two modalities tell, and so what each adds to an ideal classifier's accuracy (Shapley).
  public enum Kind: String, CaseIterable, Sendable {
    /// The first tells the class, the second nothing: 0.75 and 0.
    case firstOnly
    /// Each tells the class by itself: 0.375 and 0.375.
    case redundant
    /// Each tells one of the class's two bits: 0.375 and 0.375, where either alone is right half the time.
    case complementary
    /// Neither tells anything: 0 and 0.
    case noise
    /// The first tells the class; so does the second, but so much noisier that training leaves it for the first.
    case secondHarder
  }

  public static let classes = 4
  public static let width = 6

  public let labels: [Int]
  /// Row by row, of the first and the second modality.
  public let features: [[Float]]

  /// - Parameter split: its name; other splits have other samples.
  public init(_ kind: Kind, _ split: String, count: Int, seed: UInt64 = 1) {
    var numbers = SeededNumbers(seed: seed, stream: "contribution/\(kind.rawValue)/\(split)")
    let labels = (0..<count).map { $0 % Self.classes }
    self.labels = labels
    features = (0..<2).map { modality in
      labels.flatMap { label -> [Float] in
        (0..<Self.width).map { column in
          let bit = column % 2
          let tells: Bool
          var noise = 0.4
          switch kind {
          case .firstOnly: tells = modality == 0
          case .redundant: tells = true
          case .complementary: tells = bit == modality
          case .noise: tells = false
          case .secondHarder:
            tells = true
            noise = modality == 0 ? 0.4 : 1.5
          }
          return Float((tells ? (label >> bit & 1 == 1 ? 1 : -1) : 0) + noise * numbers.normal())
        }
      }
    }
  }

  /// What each modality adds to an ideal classifier; nil where that depends on the noise.
  public static func contributions(_ kind: Kind) -> [Double]? {
    switch kind {
    case .firstOnly: [0.75, 0]
    case .redundant, .complementary: [0.375, 0.375]
    case .noise: [0, 0]
    case .secondHarder: nil
    }
  }
}
