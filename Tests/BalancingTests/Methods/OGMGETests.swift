import Balancing
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@Suite("OGM-GE")
struct OGMGETests {
  /// A step and what its noise added to OGM's direction.
  private func noise(
    _ path: String, _ settings: [String: Tree] = [:], width: Int = 4, step number: Int = 0
  ) throws -> (noise: [Double], gradient: [Double], step: StepTaken) {
    func taken(_ noise: Bool) throws -> StepTaken {
      var bench = try Bench("ogm-ge", settings.merging(["noise": .bool(noise)]) { $1 })
      bench.embeddingWidth = width
      return try StepTaken(bench) { $0.clock.step = number }
    }
    let (with, without) = (try taken(true), try taken(false))
    let difference = try zip(with.found(path), without.found(path)).map { $0 - $1 }
    return (difference, try with.plain(path), with)
  }

  @Test("without noise it is OGM to the last bit, with α = 0 too joint training")
  func neutral() throws {
    #expect(try Bench("ogm-ge", ["noise": false]).run().last == Bench("ogm").run().last)
    #expect(try Bench("ogm-ge", ["noise": false, "alpha": 0.0]).run().last == Bench("joint").run().last)
    #expect(try Bench("ogm-ge").run().last != Bench("ogm").run().last)
  }

  @Test(
    "the noise is as wide as the tensor's own gradient before it is scaled, and has no mean",
    arguments: ["image", "text"])
  func width(_ modality: String) throws {
    // So strong that the scaled gradient of the one ahead is nearly nothing.
    let (noise, gradient, step) = try noise("\(modality).embedding.weight", ["alpha": 5.0], width: 400)
    let factors = ["image", "text"].map { step.report.scalars["factor.\($0)"] ?? .nan }
    #expect(factors.contains { $0 < 0.01 } && factors.contains(1))
    func deviation(_ values: [Double]) -> Double {
      let mean = values.reduce(0, +) / Double(values.count)
      return (values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(values.count - 1)).squareRoot()
    }
    let wanted = deviation(gradient)
    #expect(wanted > 1e-5)
    // 2,000 numbers and more: the deviation's own is 1.6 %, the mean's 2.3 % of it.
    #expect(abs(deviation(noise) / wanted - 1) < 0.08)
    #expect(abs(noise.reduce(0, +) / Double(noise.count)) < 0.12 * wanted)
  }

  @Test("every tensor of every branch gets noise, and the classifiers get none")
  func where_() throws {
    for modality in ["image", "text"] {
      for part in ["weight", "bias"] {
        #expect(try noise("\(modality).embedding.\(part)").noise.allSatisfy { $0 != 0 })
      }
      #expect(try noise("\(modality).head.weight").noise.isEmpty)
    }
    #expect(try noise("fusion.classifier.weight").noise.allSatisfy { $0 == 0 })
  }

  @Test("the noise of one step is another than that of the next, and the same each time")
  func streams() throws {
    let path = "image.embedding.weight"
    #expect(try noise(path).noise == noise(path).noise)
    #expect(try noise(path).noise != noise(path, step: 1).noise)
  }

  @Test("a tensor of a single number, whose gradient has no spread, stays finite")
  func single() throws {
    #expect(try noise("image.embedding.bias", width: 1).noise.allSatisfy(\.isFinite))
  }
}
