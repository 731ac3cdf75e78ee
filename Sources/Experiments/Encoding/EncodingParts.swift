import Datasets
import Encoders
import Evaluation
import Multimodal
import Records

/// Samples in one view, which make one matrix.
struct EncodingPart {
  let title: String
  /// The file, and the tensor's name in it.
  let file: String
  let samples: RawSamples
  let view: InputView

  var isClean: Bool { if case .clean = view { true } else { false } }
}

extension EncodingPlan {
  /// The splits as they are, what training sees flipped, the test split under its conditions, and views of the others.
  func parts(of kind: RawInput.Kind, _ data: RawDataset) -> [EncodingPart] {
    var parts = RawSplit.allCases.map { split in
      EncodingPart(
        title: "\(kind.rawValue), \(split.rawValue)", file: split.rawValue, samples: data.samples(in: split),
        view: .clean)
    }
    if flip, kind == .image {
      parts.append(
        EncodingPart(
          title: "image, flipped", file: "train@image-flipped", samples: data.samples(in: .train), view: .flipped))
    }
    func add(_ split: RawSplit, _ condition: Condition, draw: Int = 1) {
      // Each draw has a stream of its own.
      let name = "\(kind.rawValue)-\(condition.name)" + (draw == 1 ? "" : ".\(draw)")
      parts.append(
        EncodingPart(
          title: split == .test ? name : "\(name), \(split.rawValue)", file: "\(split.rawValue)@\(name)",
          samples: data.samples(in: split), view: .noisy(name, condition.impairment)))
    }
    let conditions = self.conditions[kind] ?? []
    for condition in conditions { add(.test, condition) }
    for condition in conditions where training[kind]?.contains(condition.name) == true {
      for draw in 1...draws { add(.train, condition, draw: draw) }
    }
    if validation.contains(kind) { for condition in conditions { add(.validation, condition) } }
    return parts.filter { !$0.samples.isEmpty }
  }

  /// Inputs of the training and validation splits, by kind.
  static func inputs(of data: RawDataset) -> [RawInput.Kind: (train: Int, validation: Int)] {
    func count(_ split: RawSplit, _ kind: RawInput.Kind) -> Int {
      data.samples(in: split).reduce(0) { $0 + RawInputReference.all(of: $1, kind).count }
    }
    return Dictionary(uniqueKeysWithValues: data.modalities.map { ($0, (count(.train, $0), count(.validation, $0))) })
  }

  /// Says what views cost before they are encoded.
  func tell(_ data: RawDataset, events: EventSink) {
    for note in notes { events(.note(note)) }
    guard hasViews else { return }
    let counts = Self.inputs(of: data)
    let more = data.modalities.reduce(0) { sum, kind in
      let (train, held) = counts[kind] ?? (0, 0)
      return sum + train * (training[kind]?.count ?? 0) * draws
        + (validation.contains(kind) ? held * (conditions[kind]?.count ?? 0) : 0)
    }
    guard more > 0 else { return }
    let seen = data.modalities.flatMap { kind in (training[kind] ?? []).map { "\(kind.rawValue)-\($0)" } }
    events(
      .phase(
        "Views",
        (seen.isEmpty ? "of the validation split" : "\(seen.joined(separator: ", ")) for training and validation")
          + " · \(grouped(more)) more inputs to encode, --views none does without"))
  }
}
