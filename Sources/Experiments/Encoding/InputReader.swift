import Datasets
import Encoders
import Evaluation
import Foundation
import Multimodal
import Records

/// Reads the files of samples, each once, and keeps their digests.
final class InputReader {
  private let context: EncodingContext
  private(set) var inputs: EncodingInputs
  /// The samples with a file that is none, by number.
  private(set) var refused: [Int: Diagnosis] = [:]
  /// Opened once: each opening looks through all rows that there are.
  private var known: KnownRows?

  init(_ context: EncodingContext) {
    self.context = context
    inputs = EncodingInputs(seed: context.settings.impairments.seed)
  }

  private func known(
    _ encoders: [(kind: RawInput.Kind, encoder: any RawEncoder)]
  ) throws -> [RawInput.Kind: FeatureCache] {
    var known: [RawInput.Kind: FeatureCache] = [:]
    for (kind, encoder) in encoders where !type(of: encoder).learns {
      known[kind] = try RowEncoding.cache(of: encoder, tag: encoder.identity, context)
    }
    return known
  }

  /// Reads every picture and sound that is needed, and leaves out the samples that have one that is none.
  ///
  /// What there is a row of was decoded before.
  ///
  /// - Parameter own: the numbers of the samples that are encoded; nil: all. Encoders that learn see the others too.
  func read(
    _ data: RawDataset, _ encoders: [(kind: RawInput.Kind, encoder: any RawEncoder)], own: Range<Int>?
  ) throws -> RawDataset {
    let learns = encoders.contains { type(of: $0.encoder).learns }
    let caches = try known ?? KnownRows(known(encoders))
    known = caches
    let places = data.samples.places(numbered: learns ? nil : own)
    let portion = 512
    for start in stride(from: 0, to: places.count, by: portion) {
      let end = min(start + portion, places.count)
      let samples = places[start..<end].map { data.samples[$0] }
        .filter { !inputs.has($0) && refused[$0.number] == nil }
      let looks = samples.flatMap { sample in
        [RawInput.Kind.image, .audio].flatMap { RawInputReference.all(of: sample, $0) }.filter { $0.path != nil }
      }
      let read = try parallelMap(looks.count, threads: context.settings.threads) {
        [stop = context.stop] index -> Result<InputDigest, Diagnosis> in
        if stop.isRequested { throw CancellationError() }
        let look = looks[index]
        do {
          let bytes = try look.read()
          let digest = InputDigest(of: bytes)
          if !caches.contain(RowKey(digest, condition: EncodingInputs.clean), of: look.kind) {
            _ = try look.decoded(bytes)
          }
          return .success(digest)
        } catch { return .failure(Diagnosis(describing: error)) }
      }
      var rest = read[...]
      for sample in samples {
        let own = rest.prefix(sample.files.count)
        rest = rest.dropFirst(own.count)
        do { inputs.add(sample, try own.map { try $0.get() }) } catch {
          refused[sample.number] = Diagnosis(describing: error)
        }
      }
      context.events(.progress(label: "Reading", done: end, total: places.count, detail: "samples' files"))
    }
    try context.checkStop()
    guard !refused.isEmpty else { return data }
    return try data.quarantining(threads: 1, settings: context.settings.data) { [refused] sample in
      if let diagnosis = refused[sample.number] { throw diagnosis }
    }
  }
}
