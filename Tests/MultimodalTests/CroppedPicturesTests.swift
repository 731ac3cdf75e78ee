import Testing
import Torch

@testable import Multimodal

@Suite("Pictures seen in part")
struct CroppedPicturesTests {
  /// Pictures of one colour each, their sample's number, with a column of another at their left.
  private struct Pictures: BatchSource {
    let count = 40

    func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
      let samples = visits.map(\.sample)
      let pixels = samples.flatMap { sample in
        (0..<192).map { place in place % 8 == 0 ? UInt8(200) : UInt8(sample + 1) }
      }
      return Batch(
        samples: samples,
        inputs: try PerModality([Modality("image"), Modality("text")]) {
          $0.name == "image" ? try Tensor(pixels, shape: [samples.count, 3, 8, 8]) : try .zeros([samples.count, 2])
        }, labels: try Tensor(samples))
    }
  }

  private func seen(_ epoch: Int, of size: Int, share: Double = 0.3, flips: Bool = true) throws -> [Int: [Float]] {
    let plan = SamplingPlan.shuffled(40, RandomSource(seed: 5), epoch: epoch)
    let cropped = CroppedPictures(Pictures(), [Modality("image")], share: share)
    let feed = try cropped.feed(
      (flips ? plan.flipping(RandomSource(seed: 5), epoch: epoch) : plan).batches(of: size), from: 0)
    var seen: [Int: [Float]] = [:]
    while let batch = try feed.next() {
      for (place, sample) in batch.samples.enumerated() {
        seen[sample] = try batch.inputs[Modality("image")].selected(0, place).to(.float32).array()
      }
    }
    return seen
  }

  @Test("a part depends on sample and epoch alone, and is whole where no epoch is known")
  func drawn() throws {
    let first = try seen(0, of: 7)
    #expect(try first.count == 40 && seen(0, of: 40) == first && seen(1, of: 7) != first)
    // Without the column at the left where the part does not reach it.
    let without = first.filter { sample, pixels in pixels.allSatisfy { abs($0 - Float(sample + 1)) < 1e-3 } }
    #expect((1..<36).contains(without.count))
    #expect(try seen(0, of: 7, flips: false).values.allSatisfy { $0[0] == 200 })
  }

  @Test("parts lie within the picture and have at least their share of it")
  func boxes() {
    let cropped = CroppedPictures(Pictures(), [Modality("image")], share: 0.3)
    let numbers = SeededNumbers(seed: 1, stream: "crop/0")
    let boxes = (0..<500).map { cropped.box(numbers, of: $0) }
    #expect(
      boxes.allSatisfy { box in
        box.left >= 0 && box.top >= 0 && box.left + box.width <= 1 + 1e-12 && box.top + box.height <= 1 + 1e-12
          && box.width * box.height <= 1 && box.width * box.height > 0.25
      })
    let mean = boxes.reduce(0) { $0 + $1.width * $1.height } / 500
    #expect(mean > 0.58 && mean < 0.68)
  }
}
