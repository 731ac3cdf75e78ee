import Datasets
import Encoders
import Evaluation
import Foundation
import LanguageModels
import Multimodal
import Records

/// What all steps of one encoding share.
struct EncodingContext {
  let request: EncodeRequest
  let settings: EncodeSettings
  let stop: StopFlag
  let events: EventSink
  /// The folder that keeps rows.
  let cache: URL

  init(_ request: EncodeRequest, stop: StopFlag, events: @escaping EventSink) throws {
    self.request = request
    self.stop = stop
    self.events = events
    cache = request.cache ?? URL(filePath: request.out.relativePath + ".cache", relativeTo: request.out.baseURL)
    let overlay = ConfigurationResolver(defaults: try Tree(encoding: EncodeSettings()))
    var settings = try overlay.resolve(settings: request.settings).tree.decode(EncodeSettings.self)
    settings.data.strict = settings.data.strict || request.strict
    settings.data.followLinks = settings.data.followLinks || request.followLinks
    settings.data = request.table.over(settings.data, layout: request.layout, variant: request.variant)
    try settings.impairments.check()
    for level in settings.noiseLevels where !(0...1).contains(level) {
      throw Diagnosis("the noise level \(level) is not from 0 to 1", exitStatus: .usage)
    }
    self.settings = settings
  }

  func checkStop() throws {
    if stop.isRequested { throw CancellationError() }
  }

  /// The encoder that was asked for, not fitted.
  func encoder(of kind: RawInput.Kind) throws -> any RawEncoder {
    var settings = PretrainedSettings()
    let (name, pooling): (String?, Pooling?) =
      switch kind {
      case .image: (request.imageEncoder, request.imagePooling)
      case .text: (request.textEncoder, request.textPooling)
      case .audio: (request.audioEncoder, request.audioPooling)
      }
    let usual = name == nil ? request.usualEncoders[kind] : nil
    if let usual {
      events(
        .note(
          "no \(kind.rawValue) encoder is named: \(usual.lastPathComponent) it is; --\(kind.rawValue)-encoder "
            + "\(try EncoderRegistry.encoder(of: kind).name) takes the one that comes with Seesaw"))
    }
    settings.pooling = pooling
    settings.precision = request.precision
    settings.rescales = request.rescale
    let encoder = try EncoderRegistry.make(
      name ?? usual?.relativePath, of: kind, settings: settings, further: PromptedEncoders.all,
      warn: { events(.warning($0)) })
    if let known = (encoder as? any ProvenEncoder)?.provenance {
      if let note = request.precision.note() { events(.note("\(kind.rawValue): \(note)")) }
      events(
        .phase("Encoder", "\(kind.rawValue): \(known.architecture), \(encoder.width) wide, pooled by \(known.pooling)"))
    }
    return encoder
  }

  /// The task, and the metric that was asked for, or its usual one.
  func scoring(of data: RawDataset) throws -> (task: PredictionTask, metric: Metric) {
    let asked = try (request.metric ?? data.card?.metric).map { name in
      guard let metric = Metric.allCases.first(where: { $0.rawValue.tolerantKey == name.tolerantKey }) else {
        throw Diagnosis("'\(name)' is not one of \(Metric.allowed.joined(separator: ", "))", exitStatus: .usage)
      }
      return metric
    }
    if data.isRegression { return (.regression, asked ?? .r2) }
    let task: PredictionTask =
      data.isMultiLabel ? .multiLabel : (data.classes.count == 2 && asked == .auroc ? .binary : .singleLabel)
    return (task, asked ?? DatasetManifest.usualMetric(task))
  }

  /// Refuses a metric that the splits cannot be scored by, before anything is encoded.
  func checkScore(of data: RawDataset) throws {
    let (task, metric) = try scoring(of: data)
    for split in [RawSplit.validation, .test] where !data.samples(in: split).isEmpty {
      var counts = [Int](repeating: 0, count: data.classes.count)
      let samples = data.samples(in: split)
      for sample in samples { for label in data.labelNumbers(of: sample) { counts[label] += 1 } }
      let score = ScoreCheck(metric: metric, task: task, classes: data.classes)
      if let wrong = score.diagnosis(counts: counts, of: samples.count, split: split.rawValue) {
        throw wrong.placed(in: data.file.relativePath)
      }
    }
  }
}
