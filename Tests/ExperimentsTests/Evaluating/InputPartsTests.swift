import Auditing
import Foundation
import Multimodal
import Records
import Testing

@testable import Experiments

@Suite("Words and patches of a sample")
struct InputPartsTests {
  /// Left half black, right half white.
  private let picture = RGBImage(
    width: 4, height: 4, pixels: (0..<16).flatMap { [UInt8](repeating: $0 % 4 < 2 ? 0 : 255, count: 3) })

  private func parts(_ text: String) -> InputParts {
    InputParts(picture: picture, text: text, imageName: "image", textName: "text")
  }

  @Test("there are about as many patches as words, and long texts have parts of several words")
  func counts() {
    let few = parts("a red  ball")
    #expect(few.words == ["a", "red", "ball"] && few.grid == 2)
    #expect(few.modalities == ["text", "text", "text", "image", "image", "image", "image"])
    let long = parts((0..<70).map { "w\($0)" }.joined(separator: " "))
    #expect(long.words.count <= 32 && long.words[0] == "w0 w1 w2" && long.words.last == "w69")
    // Never more patches along a side than pixels.
    #expect(long.grid == 4)
  }

  @Test(
    "a patch that is left out has the mean colour and the others are as they were, and a word that is left out is gone")
  func masks() {
    let parts = parts("a red ball")
    #expect(parts.picture([true, true, true, true]) == picture)
    let masked = parts.picture([false, true, true, true])
    for y in 0..<4 {
      for x in 0..<4 {
        let expected: UInt8 = x < 2 && y < 2 ? 128 : x < 2 ? 0 : 255
        #expect(masked.pixels[(y * 4 + x) * 3] == expected)
      }
    }
    #expect(parts.text([true, false, true]) == "a ball" && parts.text([false, false, false]) == "")
  }

  @Test("what a model of the text sees goes to its words, exactly, and no picture or text is encoded twice")
  func shares() {
    let parts = parts("a red ball")
    let found = parts.shares(stream: "one", pairs: 4) { pictures, texts, cells in
      #expect(Set(texts).count == texts.count && pictures.count <= 11)
      return cells.map { texts[$0.text].contains("red") ? 0.9 : 0.2 }
    }
    #expect(found.shares == ["text": 1, "image": 0])
    let record = parts.record(found, answer: "ball")
    #expect(record.words.map(\.text) == ["a", "red", "ball"] && record.patches == [0, 0, 0, 0])
    #expect(abs(record.words[1].value - 0.7) < 1e-12 && record.words[0].value == 0 && record.error == 0)
  }
}
