import Foundation
import Records

extension HTMLReport {
  /// What shaded words and patches mean.
  static let partWords =
    "Green words and patches speak for the answer, red ones against it: Shapley values of its probability, with patches that "
    + "are left out in the picture's mean colour, and words deleted. Other masks may rank them otherwise."

  /// The most that any part speaks for or against.
  private static func most(_ parts: TellingSample.Parts) -> Double {
    max((parts.words.map(\.value) + parts.patches).map(abs).max() ?? 0, 1e-12)
  }

  static func shades(_ parts: TellingSample.Parts) -> [SamplesView.Word] {
    let most = most(parts)
    return parts.words.map { word in
      SamplesView.Word(
        words: word.text, kind: word.value < 0 ? "against" : "for", weight: fixed(abs(word.value) / most, 2),
        value: signed(word.value))
    }
  }

  /// Patches over the picture, the surer the denser.
  static func heat(_ parts: TellingSample.Parts) -> String {
    let (most, grid) = (most(parts), max(parts.grid, 1))
    let boxes = parts.patches.enumerated().map { place, value in
      "<rect x=\"\(place % grid)\" y=\"\(place / grid)\" width=\"1\" height=\"1\" class=\"\(value < 0 ? "against" : "for")\" "
        + "fill-opacity=\"\(fixed(0.7 * abs(value) / most, 2))\"/>"
    }
    return "<svg viewBox=\"0 0 \(grid) \(grid)\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\">"
      + boxes.joined() + "</svg>"
  }

  /// The shares of the modalities, as a line.
  static func shares(_ parts: TellingSample.Parts, _ modalities: [String]) -> String {
    let shares = modalities.compactMap { name in parts.shares[name].map { "\(name) \(fixed(100 * $0, 0)) %" } }
    return
      "Of what moves '\(parts.answer)': \(shares.joined(separator: ", ")) (standard error \(fixed(100 * parts.error, 0)))"
  }

  /// The telling samples that are shown: with their words and patches where those are known.
  var exhibits: RunEvidence? {
    let found = [contents.diagnosis?.evidence, exhibited?.evidence, contents.evidence].compactMap { $0 }
      .filter { !$0.telling.isEmpty }
    return found.first { $0.telling.contains { $0.parts != nil } } ?? exhibited?.evidence ?? found.first
  }

  /// Where a sample's picture lies; nil where it would lie outside the folder of the raw data.
  func picture(_ sample: TellingSample, _ evidence: RunEvidence) -> URL? {
    guard let path = sample.image, let raw = evidence.raw else { return nil }
    let folder = URL(filePath: raw).standardizedFileURL.resolvingSymlinksInPath()
    let file = folder.appending(path: path).standardizedFileURL.resolvingSymlinksInPath()
    return file.path.hasPrefix(folder.path + "/") ? file : nil
  }

  /// A picture that the page would like beside it.
  struct Wanted {
    /// By which the page finds it; a file only where the picture is none of another file's parts.
    let place: URL
    /// As the sample has it, and the folder of the raw data.
    let name: String
    let folder: URL
  }

  /// The pictures that the page would like beside it.
  var wanted: [Wanted] {
    guard let evidence = exhibits, let raw = evidence.raw else { return [] }
    return evidence.telling.prefix(Self.mostSamples).compactMap { sample in
      guard let place = picture(sample, evidence), let name = sample.image else { return nil }
      return Wanted(place: place, name: name, folder: URL(filePath: raw))
    }
  }
}
