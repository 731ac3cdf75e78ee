import Foundation
import Multimodal
import Records
import Torch

extension GuardedSamples {
  /// What is known of a picture.
  package struct Picture: Sendable {
    var content: ContentDigest
    var steps: [Float]
    var isMissing: Bool

    package init(content: ContentDigest, steps: [Float], isMissing: Bool) {
      self.content = content
      self.steps = steps
      self.isMissing = isMissing
    }
  }

  /// The samples of a raw data set.
  ///
  /// - Parameter pictures: of each sample; nil for one without a picture.
  package init(_ data: RawDataset, pictures: [Picture?], _ settings: GuardSettings) throws {
    let splits = RawSplit.allCases.filter { split in data.samples.contains { $0.split == split } }
    let order = splits.flatMap { split in data.samples.indices.filter { data.samples[$0].split == split } }
    let samples = order.map { data.samples[$0] }
    let places = Dictionary(uniqueKeysWithValues: data.classes.enumerated().map { ($1, $0) })
    var channels: [Channel] = []
    for kind in data.modalities {
      switch kind {
      case .image: channels.append(Channel(pictures: order.map { pictures[$0] }, settings))
      case .text: channels.append(Channel(texts: samples.map(\.text)))
      // Sounds are compared by their features, once they are encoded.
      case .audio: break
      }
    }
    self.init(
      dataset: data.name, path: data.folder.relativePath, form: "raw", classes: data.classes,
      isMultiLabel: data.isMultiLabel, splits: splits.map(\.rawValue),
      rows: samples.map { sample in
        Row(
          split: splits.firstIndex(of: sample.split) ?? 0, row: nil, line: sample.row, id: sample.id,
          group: sample.group, labels: sample.labels.compactMap { places[$0] }.sorted(), text: sample.text)
      }, channels: channels, leftOut: data.quarantined, looked: data.notes)
  }
}

extension GuardedSamples.Channel {
  private static let nothing = ContentDigest("")

  fileprivate init(pictures: [GuardedSamples.Picture?], _ settings: GuardSettings) {
    let width = pictures.lazy.compactMap { $0?.steps.count }.first ?? 1
    self.init(
      name: "image", contents: pictures.map { $0?.content ?? Self.nothing },
      missing: pictures.map { $0?.isMissing ?? true },
      vectors: { range in
        let blank = [Float](repeating: 0, count: width)
        let rows = try Tensor(range.flatMap { pictures[$0]?.steps ?? blank }, shape: [range.count, width])
        return try rows * rows.square().sum(1, keeping: true).clamped(min: 1e-24).reciprocalSquareRoot()
      }, width: width + 1, threshold: settings.nearPictures, dimensions: .infinity,
      words: "pictures whose prints (steps of brightness from afar) have a cosine of \(settings.nearPictures) or more")
  }

  fileprivate init(texts: [String?]) {
    let folded = texts.map { ContentDigest(FoldedText($0 ?? "").text).signs }
    self.init(
      name: "text", contents: texts.map { ContentDigest($0 ?? "") }, missing: texts.map { $0 == nil },
      vectors: { range in try Tensor(range.flatMap { folded[$0] }, shape: [range.count, 64]) }, width: 65,
      threshold: 0.999, dimensions: .infinity, words: "texts that are the same but for case, accents, signs and spaces")
  }
}

/// A text without case, accents and signs, as words with one space between them.
struct FoldedText {
  let words: [Substring]
  let text: String

  init(_ original: String) {
    let plain = original.folding(
      options: [.caseInsensitive, .diacriticInsensitive, .widthInsensitive], locale: Locale(identifier: "en_US_POSIX"))
    let text = plain.unicodeScalars.split { !Self.belongs($0) }.map { String(String.UnicodeScalarView($0)) }
      .joined(separator: " ")
    self.text = text
    words = text.split(separator: " ")
  }

  /// Letters and numbers of any script, and what has no other name, such as emoji.
  private static func belongs(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol, .modifierSymbol, .spaceSeparator,
      .lineSeparator, .paragraphSeparator, .control, .format:
      false
    default: true
    }
  }

  /// Whether these words follow each other in the text.
  func contains(_ phrase: [Substring]) -> Bool {
    guard let first = phrase.first, phrase.count <= words.count else { return false }
    for start in 0...(words.count - phrase.count) where words[start] == first {
      if words[start..<(start + phrase.count)].elementsEqual(phrase) { return true }
    }
    return false
  }
}
