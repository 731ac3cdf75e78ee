import Foundation
package import Multimodal
import Records
import Torch

extension GuardedSamples {
  /// What is known of a picture or a sound from afar.
  package struct Print: Sendable {
    var content: ContentDigest
    package var steps: [Float]
    package var isMissing: Bool

    package init(content: ContentDigest, steps: [Float], isMissing: Bool) {
      self.content = content
      self.steps = steps
      self.isMissing = isMissing
    }
  }

  /// The samples of a raw data set.
  ///
  /// - Parameter prints: of pictures and sounds, for each sample; nil for one without.
  package init(_ data: RawDataset, prints: [RawInput.Kind: [Print?]], _ settings: GuardSettings) throws {
    let splits = RawSplit.allCases.filter(data.has)
    let members = splits.map { split in data.samples.indices.filter { data.samples.split(at: $0) == split } }
    let samples = members.map { $0.map { data.samples[$0] } }
    let places = Dictionary(uniqueKeysWithValues: data.classes.enumerated().map { ($1, $0) })
    var channels: [Channel] = []
    for kind in data.modalities {
      switch kind {
      case .text: channels.append(Channel(texts: samples.joined().map(\.text)))
      case .image, .audio:
        channels.append(Channel(kind, prints: members.joined().map { prints[kind]?[$0] }, settings))
      }
    }
    let rows = samples.enumerated().map { split, samples in
      samples.map { sample in
        Row(
          split: split, row: nil, line: sample.row, id: sample.id, group: sample.group,
          labels: sample.labels.compactMap { places[$0] }.sorted(), target: data.target(of: sample), text: sample.text)
      }
    }
    self.init(
      dataset: data.name, path: data.folder.relativePath, form: "raw", classes: data.classes,
      isMultiLabel: data.isMultiLabel, splits: splits.map(\.rawValue),
      rows: Rows(rows.map(\.count)) { rows[$0][$1] }, channels: channels, leftOut: data.quarantined, looked: data.notes)
    isRegression = data.isRegression
  }
}

extension GuardedSamples.Channel {
  private static let nothing = ContentDigest("")

  fileprivate init(_ kind: RawInput.Kind, prints: [GuardedSamples.Print?], _ settings: GuardSettings) {
    let width = prints.lazy.compactMap { $0?.steps.count }.first ?? 1
    let threshold = kind == .image ? settings.nearPictures : settings.nearSounds
    let what = kind == .image ? "pictures whose prints (steps of brightness" : "sounds whose prints (steps of loudness"
    self.init(
      name: kind.rawValue, contents: prints.map { $0?.content ?? Self.nothing },
      missing: prints.map { $0?.isMissing ?? true },
      vectors: { range in
        let blank = [Float](repeating: 0, count: width)
        let rows = try Tensor(range.flatMap { prints[$0]?.steps ?? blank }, shape: [range.count, width])
        return try rows * rows.square().sum(1, keeping: true).clamped(min: 1e-24).reciprocalSquareRoot()
      }, width: width + 1, threshold: threshold, dimensions: .infinity,
      words: "\(what) at low resolution) have a cosine of \(threshold) or more")
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
