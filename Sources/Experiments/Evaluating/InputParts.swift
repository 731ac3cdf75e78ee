import Auditing
import Foundation
import Multimodal
import Records

/// A picture and a text in parts that can be left out: patches and words, about as many of each.
///
/// A patch that is left out has the picture's mean colour; a word is deleted. Of long texts a part is several words.
struct InputParts {
  /// One of the two modalities' names for each part: the words first, then the patches by rows from the top.
  let modalities: [String]
  /// What each part of the text says.
  let words: [String]
  /// Patches along each side.
  let grid: Int

  private let picture: RGBImage
  private let mean: [UInt8]

  /// Parts of a text, and patches along a side, at most.
  private static let mostWords = 32
  private static let mostAlong = 6

  /// - Parameters:
  ///   - picture: as it was decoded.
  ///   - imageName: what the modality of the picture is called.
  init(picture: RGBImage, text: String, imageName: String, textName: String) {
    let all = text.split(whereSeparator: \.isWhitespace).map(String.init)
    let run = max(1, Int((Double(all.count) / Double(Self.mostWords)).rounded(.up)))
    words = stride(from: 0, to: all.count, by: run).map { all[$0..<min($0 + run, all.count)].joined(separator: " ") }
    let along = Int(Double(words.count).squareRoot().rounded(.up))
    grid = min(max(2, along), Self.mostAlong, picture.width, picture.height)
    modalities = words.map { _ in textName } + (0..<(grid * grid)).map { _ in imageName }
    self.picture = picture
    var sums = [0, 0, 0]
    for place in stride(from: 0, to: picture.pixels.count, by: 3) {
      for c in 0..<3 { sums[c] += Int(picture.pixels[place + c]) }
    }
    let count = picture.width * picture.height
    mean = sums.map { UInt8(($0 + count / 2) / count) }
  }

  /// How many parts such a text has, and a picture beside it at most.
  static func counts(ofText text: String) -> (words: Int, patches: Int) {
    let all = text.split(whereSeparator: \.isWhitespace).count
    let run = max(1, Int((Double(all) / Double(mostWords)).rounded(.up)))
    let words = (all + run - 1) / run
    let along = min(max(2, Int(Double(words).squareRoot().rounded(.up))), mostAlong)
    return (words, along * along)
  }

  /// Parts of one side as bits, the first the lowest: there are at most ``mostAlong``² of either.
  static func bits(_ there: ArraySlice<Bool>) -> UInt64 {
    there.enumerated().reduce(0) { $1.element ? $0 | 1 << UInt64($1.offset) : $0 }
  }

  private static func flags(_ bits: UInt64, _ count: Int) -> ArraySlice<Bool> {
    (0..<count).map { bits >> UInt64($0) & 1 == 1 }[...]
  }

  func text(bits: UInt64) -> String { text(Self.flags(bits, words.count)) }
  func picture(bits: UInt64) -> RGBImage { picture(Self.flags(bits, grid * grid)) }

  var allWords: ArraySlice<Bool> { words.map { _ in true }[...] }
  var allPatches: ArraySlice<Bool> { [Bool](repeating: true, count: grid * grid)[...] }

  /// The text of the words that are there.
  func text(_ there: ArraySlice<Bool>) -> String {
    zip(words, there).filter(\.1).map(\.0).joined(separator: " ")
  }

  /// The picture with the patches that are there.
  func picture(_ there: ArraySlice<Bool>) -> RGBImage {
    guard there.contains(false) else { return picture }
    var masked = picture
    var pixels = picture.pixels
    let there = Array(there)
    for y in 0..<picture.height {
      for x in 0..<picture.width where !there[y * grid / picture.height * grid + x * grid / picture.width] {
        let place = (y * picture.width + x) * 3
        for c in 0..<3 { pixels[place + c] = mean[c] }
      }
    }
    masked.pixels = pixels
    return masked
  }

  /// What each part speaks for, of a worth that knows pictures and texts.
  ///
  /// - Parameters:
  ///   - stream: names the sample.
  ///   - worth: of some pairs of a picture and a text, each picture and each text given once and named by its number.
  func shares(
    stream: String, pairs: Int,
    worth: (_ pictures: [RGBImage], _ texts: [String], _ cells: [(picture: Int, text: Int)]) throws -> [Double]
  ) rethrows -> PartShares {
    try PartShares(modalities: modalities, stream: stream, pairs: pairs) { sets in
      // Each step of a walk changes one side only: the other need not be encoded again.
      var pictures: [ArraySlice<Bool>: Int] = [:]
      var texts: [ArraySlice<Bool>: Int] = [:]
      var masked: [RGBImage] = []
      var spoken: [String] = []
      let cells = sets.map { set -> (picture: Int, text: Int) in
        let (own, other) = (set[words.count...], set[..<words.count])
        if pictures[own] == nil {
          pictures[own] = masked.count
          masked.append(picture(own))
        }
        if texts[other] == nil {
          texts[other] = spoken.count
          spoken.append(text(other))
        }
        return (pictures[own] ?? 0, texts[other] ?? 0)
      }
      return try worth(masked, spoken, cells)
    }
  }

  /// What a page shows of it.
  func record(_ shares: PartShares, answer: String) -> TellingSample.Parts {
    TellingSample.Parts(
      answer: answer,
      words: zip(words, shares.values).map { TellingSample.Parts.Word(text: $0, value: $1) }, grid: grid,
      patches: Array(shares.values[words.count...]), shares: shares.shares, error: shares.shareError,
      pairs: shares.pairs)
  }
}
