import Auditing
import Testing

@Suite("Shares of parts")
struct PartSharesTests {
  private let modalities = ["text", "text", "text", "image", "image"]

  @Test("of a sum the values are its weights, with one pair of walks")
  func sum() {
    let weights = [0.5, -0.25, 0.125, 1, 0]
    let found = PartShares(modalities: modalities, stream: "sum", pairs: 1) { sets in
      sets.map { set in zip(set, weights).reduce(0) { $0 + ($1.0 ? $1.1 : 0) } }
    }
    #expect(found.values == weights && found.pairs == 1 && found.shareError == 0)
    #expect(found.shares == ["text": 0.875 / 1.875, "image": 1 / 1.875])
  }

  @Test("a model of the text alone gives the image exactly nothing")
  func textOnly() {
    let found = PartShares(modalities: modalities, stream: "text") { sets in
      sets.map { ($0[0] && $0[1] ? 0.7 : 0.1) + ($0[2] ? 0.03 : 0) }
    }
    #expect(found.shares["image"] == 0 && found.shares["text"] == 1 && found.values[3...] == [0, 0])
  }

  @Test("of an AND of two parts each has one half, whatever the order")
  func both() {
    for seed in 0..<UInt64(5) {
      let found = PartShares(modalities: ["text", "image"], seed: seed, stream: "and", pairs: 1) { sets in
        sets.map { $0[0] && $0[1] ? 1 : 0 }
      }
      #expect(found.values == [0.5, 0.5])
    }
  }

  @Test("values add up to what all are worth above nothing, and walking ends when the shares are sure")
  func efficiency() {
    // Products of neighbours, so that the order counts.
    func worth(_ set: [Bool]) -> Double {
      let x = set.map { $0 ? 1.0 : 0.25 }
      return x[0] * x[1] + x[1] * x[3] - 2 * x[2] * x[4] * x[0]
    }
    let found = PartShares(modalities: modalities, stream: "products", pairs: 200, tolerance: 0.01) { $0.map(worth) }
    let all = worth([Bool](repeating: true, count: 5)) - worth([Bool](repeating: false, count: 5))
    #expect(abs(found.values.reduce(0, +) - all) < 1e-12)
    #expect(found.pairs < 200 && found.shareError < 0.01 && found.errors.contains { $0 > 0 })
  }

  @Test("parts that move nothing have no share")
  func nothing() {
    let found = PartShares(modalities: modalities, stream: "nothing") { $0.map { _ in 0.5 } }
    #expect(found.shares == ["text": 0, "image": 0] && found.pairs == 3)
  }
}
