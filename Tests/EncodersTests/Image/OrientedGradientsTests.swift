import Foundation
import Multimodal
import Testing

@testable import Encoders

@Suite struct OrientedGradientsTests {
  private let gradients = OrientedGradients(side: 32, cell: 8, orientations: 9)

  /// A picture that rises along a direction.
  private func ramp(degrees: Double) -> Planes {
    var pixels: [UInt8] = []
    for y in 0..<32 {
      for x in 0..<32 {
        let along = (Double(x) - 16) * cos(degrees * .pi / 180) + (Double(y) - 16) * sin(degrees * .pi / 180)
        pixels += [UInt8](repeating: UInt8(128 + along * 4), count: 3)
      }
    }
    return Planes(fitting: RGBImage(width: 32, height: 32, pixels: pixels), side: 32)
  }

  @Test("a picture of one colour has no edges")
  func flat() {
    let features = gradients.features(of: Planes(fitting: .black, side: 32))
    #expect(features.count == 3 * 3 * 4 * 9)
    #expect(features.allSatisfy { $0 == 0 })
  }

  @Test(
    "the direction of a slope is the strongest one",
    arguments: [(10.0, 0), (50.0, 2), (90.0, 4), (130.0, 6), (170.0, 8)])
  func direction(degrees: Double, expected: Int) {
    let features = gradients.features(of: ramp(degrees: degrees))
    // A cell in the middle: the last of the first block.
    let cell = Array(features[27..<36])
    #expect(cell.firstIndex(of: cell.max() ?? 0) == expected)
  }

  @Test("a slope and its reverse look the same")
  func unsigned() {
    let (up, down) = (gradients.features(of: ramp(degrees: 30)), gradients.features(of: ramp(degrees: 210)))
    #expect(zip(up, down).allSatisfy { abs($0 - $1) < 0.03 })
  }

  @Test("blocks are normalised: contrast matters little")
  func contrast() {
    let strong = ramp(degrees: 45)
    var weak = strong
    weak.channels = strong.channels.map { plane in plane.map { 0.5 + ($0 - 0.5) * 0.5 } }
    let (a, b) = (gradients.features(of: strong), gradients.features(of: weak))
    #expect(zip(a, b).allSatisfy { abs($0 - $1) < 0.03 })
  }
}
