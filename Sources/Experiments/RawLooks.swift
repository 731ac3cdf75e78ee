import Datasets
import Encoders
import Foundation
import Multimodal

/// The inputs of one modality of some samples: one of each, or as many as it has pictures.
struct RawLooks: Sendable {
  private let samples: [RawSample]
  private let kind: RawInput.Kind
  /// Which picture of which sample.
  private let places: [(sample: Int, frame: Int)]

  init(_ samples: [RawSample], _ kind: RawInput.Kind) {
    self.samples = samples
    self.kind = kind
    places = samples.enumerated().flatMap { index, sample in
      (0...(kind == .image ? sample.frames.count : 0)).map { (index, $0) }
    }
  }

  var count: Int { places.count }

  func sample(_ index: Int) -> RawSample { samples[places[index].sample] }

  /// The name of an input's own stream of random numbers; that of a single picture is its sample's.
  func stream(_ index: Int) -> String {
    let frame = places[index].frame
    return frame == 0 ? sample(index).id : "\(sample(index).id)#\(frame)"
  }

  /// One input, read now; what a sample does not have is missing.
  func input(_ index: Int) throws -> RawInput {
    let sample = sample(index)
    guard sample.has(kind) else { return .missing(kind) }
    switch kind {
    case .image:
      let frame = places[index].frame
      guard let file = frame == 0 ? sample.imagePath : sample.frames[frame - 1] else { return .missing(.image) }
      return .image(try RGBImage(contentsOf: file))
    case .text: return .text(sample.text ?? "")
    case .audio: return try sample.audioPath.map { .audio(try Waveform(contentsOf: $0)) } ?? .missing(.audio)
    }
  }

  /// A row a sample, of a row an input.
  func means(_ rows: [Float], width: Int) -> [Float] {
    guard count != samples.count else { return rows }
    var means = [Float](repeating: 0, count: samples.count * width)
    for (row, place) in places.enumerated() {
      let share = 1 / Float(samples[place.sample].frames.count + 1)
      for column in 0..<width { means[place.sample * width + column] += rows[row * width + column] * share }
    }
    return means
  }
}

extension RawSample {
  /// Its pictures and sound.
  var files: [URL] { (imagePath.map { [$0] } ?? []) + frames + (audioPath.map { [$0] } ?? []) }

  /// Reads its pictures and sound, to see whether that can be done.
  func open() throws {
    for picture in (imagePath.map { [$0] } ?? []) + frames { _ = try RGBImage(contentsOf: picture) }
    if let audioPath { _ = try Waveform(contentsOf: audioPath) }
  }
}
