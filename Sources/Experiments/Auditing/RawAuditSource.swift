import Datasets
import Encoders
import Evaluation
import Foundation
import Multimodal
import Records
import Torch

/// How the samples of an audit are chosen and impaired.
struct AuditSampling: Sendable {
  /// The split, where the data has splits.
  var split = RawSplit.test
  /// How many at most, drawn by the seed; 0 takes all.
  var most = 0
  /// Besides noise: `blur=5,typos=0.2`, as ``ChosenImpairment`` reads it.
  var impairments = ""
  var settings = ImpairmentSettings()
  /// Names of classes in the model's order; empty takes the data's.
  var classes: [String] = []
  var needsLabels = true

  /// The places of the samples that take part, ascending.
  func chosen(of count: Int) -> [Int] {
    guard most > 0, most < count else { return Array(0..<count) }
    var numbers = SeededNumbers(seed: settings.seed, stream: "audit/samples")
    return numbers.sample(most, of: count).sorted()
  }

  /// The classes that answers are about, where the data names others.
  func classes(or known: [String], in place: String) throws -> [String] {
    guard !classes.isEmpty else { return known }
    let lacking = known.filter { !Set(classes).contains($0) }
    guard lacking.isEmpty else {
      throw Diagnosis(
        "--classes lacks \(lacking.count) of the classes that samples have", place: place,
        found: [lacking.prefix(12).joined(separator: ", ")], exitStatus: .usage)
    }
    if let twice = classes.first(where: { name in classes.count { $0 == name } > 1 }) {
      throw Diagnosis("the class '\(twice)' is named twice", place: "--classes", exitStatus: .usage)
    }
    return classes
  }
}

/// Raw pictures, texts and sounds.
struct RawAuditSource: AuditSource {
  let name: String
  let modalities: [String]
  let samples: AuditSamples
  let impairments: [[String]]
  let notes: [String]
  /// How often each class occurs in training; nil where nobody knows.
  let prior: [Double]?

  private let kinds: [RawInput.Kind]
  private let chosen: [RawSample]
  /// Of the files of each sample.
  private let digests: [[InputDigest]]
  private let damage: [[(name: String, impairment: any RawImpairment)]]
  private let seed: UInt64
  /// Impaired pictures and sounds, while they are needed.
  private let made: MadeInputs
  private let taken = SampleParts()

  /// Reads samples and every file of theirs.
  ///
  /// - Parameter folder: where impaired pictures and sounds lie while a request with them is not answered.
  init(
    at location: URL, _ sampling: AuditSampling, data settings: RawDatasetSettings, folder: URL, stop: StopFlag,
    events: EventSink
  ) throws {
    try sampling.settings.check()
    let data = try RawDataset(at: location, settings: settings, for: sampling.needsLabels ? .asking : .askingUnlabelled)
    let split = data.samples(in: sampling.split)
    guard !split.isEmpty else {
      let there = RawSplit.allCases.filter { !data.samples(in: $0).isEmpty }.map(\.rawValue)
      throw Diagnosis(
        "the data has no \(sampling.split.rawValue) split", place: location.relativePath,
        found: ["there are " + there.joined(separator: ", ")],
        remedy: there.first.map { "--split \($0)" }, exitStatus: .input)
    }
    let all = sampling.chosen(of: split.count).map { split[$0] }
    let (usable, files, refused) = try Self.reading(all, stop: stop, events: events)
    guard !usable.isEmpty else {
      throw Diagnosis(
        "no sample of the \(sampling.split.rawValue) split can be used", place: location.relativePath,
        found: Array(refused.prefix(10)), exitStatus: .input)
    }
    chosen = usable
    digests = files
    made = MadeInputs(folder)
    name = data.name
    kinds = RawInput.Kind.allCases.filter { kind in usable.contains { $0.has(kind) } }
    modalities = kinds.map(\.rawValue)
    var notes = data.notes
    if !refused.isEmpty {
      notes.append("\(Self.samples(refused.count)) left out: \(refused.prefix(3).joined(separator: "; "))")
    }
    if all.count < split.count { notes.append("\(all.count) of \(split.count) samples, drawn by the seed") }
    self.notes = notes
    let extra = try ChosenImpairment.parse(sampling.impairments, kinds: kinds)
    seed = sampling.settings.seed
    damage = kinds.map { kind in
      [(ImpairedCondition.noisy.rawValue, sampling.settings.impairment(.noisy, of: kind))]
        + extra.filter { $0.impairment.kind == kind }.map { ($0.name, $0.raw) }
    }
    impairments = damage.map { $0.map(\.name) }
    let classes = try sampling.classes(or: data.classes, in: location.relativePath)
    guard !classes.isEmpty else {
      throw Diagnosis(
        "the data has no labels, and nobody says which classes the model knows", place: location.relativePath,
        remedy: "name them in the model's order:  --classes a,b,c", exitStatus: .usage)
    }
    let places = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) })
    samples = AuditSamples(
      ids: usable.map(\.id), classes: classes,
      labels: sampling.needsLabels ? usable.map { $0.labels.compactMap { places[$0] }.sorted() } : nil,
      isMultiLabel: data.isMultiLabel,
      groups: usable.contains { $0.group != nil } ? usable.map { $0.group ?? "" } : nil)
    prior = Self.prior(data.samples(in: .train), classes: classes.count, places)
  }

  /// The shares of classes among the samples of training; nil where there are none.
  private static func prior(_ samples: RawSamples, classes: Int, _ places: [String: Int]) -> [Double]? {
    guard !samples.isEmpty else { return nil }
    var counts = [Double](repeating: 0, count: classes)
    for sample in samples { for label in sample.labels { if let place = places[label] { counts[place] += 1 } } }
    return counts.map { $0 / Double(samples.count) }
  }

  private static func samples(_ count: Int) -> String { count == 1 ? "1 sample" : "\(grouped(count)) samples" }

  /// Opens every file once, for what cannot be read is not to be asked about.
  private static func reading(
    _ samples: [RawSample], stop: StopFlag, events: EventSink
  ) throws -> (usable: [RawSample], digests: [[InputDigest]], refused: [String]) {
    var (usable, digests, refused): ([RawSample], [[InputDigest]], [String]) = ([], [], [])
    let portion = 512
    for start in stride(from: 0, to: samples.count, by: portion) {
      let some = samples[start..<min(start + portion, samples.count)]
      let read = try parallelMap(some.count) { place -> Result<[InputDigest], Diagnosis> in
        if stop.isRequested { throw CancellationError() }
        let sample = some[start + place]
        do {
          let looks = [RawInput.Kind.image, .audio].flatMap { RawInputReference.all(of: sample, $0) }.filter {
            $0.path != nil
          }
          return .success(
            try looks.map { look in
              let bytes = try look.read()
              _ = try look.decoded(bytes)
              return InputDigest(of: bytes)
            })
        } catch { return .failure(Diagnosis(describing: error)) }
      }
      for (sample, result) in zip(some, read) {
        switch result {
        case .success(let found):
          usable.append(sample)
          digests.append(found)
        case .failure(let fault): refused.append("\(sample.place): \(fault.what)")
        }
      }
      if samples.contains(where: { !$0.files.isEmpty }) {
        events(
          .progress(
            label: "Reading", done: min(start + portion, samples.count), total: samples.count,
            detail: "samples' files"))
      }
    }
    return (usable, digests, refused)
  }

  // MARK: Requests

  func write(_ shown: [AuditCell], into line: inout [UInt8]) throws {
    for (kind, cell) in zip(kinds, shown) {
      line += Array(",\"\(kind.rawValue)\":".utf8)
      let looks = try self.looks(cell, kind)
      guard let looks else {
        line += Array("null".utf8)
        continue
      }
      if kind == .text {
        guard case .text(let text) = try input(looks[0], cell) else { continue }
        JSONBytes.append(text, to: &line)
      } else if looks.count == 1 {
        JSONBytes.append(try path(looks[0], cell), to: &line)
      } else {
        line.append(UInt8(ascii: "["))
        for (number, look) in looks.enumerated() {
          if number > 0 { line.append(UInt8(ascii: ",")) }
          JSONBytes.append(try path(look, cell), to: &line)
        }
        line.append(UInt8(ascii: "]"))
      }
    }
  }

  /// The inputs that a cell shows; nil where it shows none.
  private func looks(_ cell: AuditCell, _ kind: RawInput.Kind) throws -> [RawInputReference]? {
    switch cell.view {
    case .absent: return nil
    case .missing: return [RawInputReference(sample: chosen[0], kind: kind, number: 0)]
    case .own, .impaired, .parts:
      let sample = chosen[Int(cell.row)]
      return sample.has(kind) ? RawInputReference.all(of: sample, kind) : nil
    }
  }

  /// Of a clip the first picture; what a sample lacks is what a missing input is.
  func tensors(of modality: Int, _ shown: [AuditCell], as form: ModuleInput?) throws -> [Tensor] {
    guard let form else {
      throw Diagnosis(
        "there are no features of '\(modalities[modality])'", place: "--input",
        remedy: "--input image=pixels:224, --input text=tokens:FOLDER", exitStatus: .usage)
    }
    let kind = kinds[modality]
    let inputs = try parallelMap(shown.count) { place in
      try looks(shown[place], kind)?.first.map { try input($0, shown[place]) } ?? .missing(kind)
    }
    return try form.tensors(inputs)
  }

  /// What a model is shown of a modality, one input or several pictures of a clip; nil where it is absent.
  func inputs(_ cell: AuditCell, _ modality: Int) throws -> [RawInput]? {
    try looks(cell, kinds[modality])?.map { try input($0, cell) }
  }

  /// The bytes of pictures as a cell shows them: the files' own, or PNG; nil where they are absent.
  func pictures(_ cell: AuditCell, _ modality: Int) throws -> [Data]? {
    try looks(cell, kinds[modality])?.compactMap { look in
      if cell.view == .own { return try look.read() }
      guard case .image(let image) = try input(look, cell) else { return nil }
      return try image.png()
    }
  }

  private func input(_ look: RawInputReference, _ cell: AuditCell) throws -> RawInput {
    if cell.view == .missing { return .missing(look.kind) }
    if case .parts(let bits) = cell.view, let parts = try parts(of: cell.row) {
      return look.kind == .text ? .text(parts.text(bits: bits)) : .image(parts.picture(bits: bits))
    }
    let plain = try look.path == nil ? .text(look.text ?? "") : look.decoded(look.read())
    guard case .impaired(let number) = cell.view, let place = kinds.firstIndex(of: look.kind) else { return plain }
    let (name, impairment) = damage[place][number]
    return try impairment.impaired(
      plain, sample: look.stream, condition: "\(look.kind.rawValue)-\(name)", seed: seed)
  }

  /// The path of a picture or sound as a cell shows it.
  private func path(_ look: RawInputReference, _ cell: AuditCell) throws -> String {
    guard let name = madeName(look, cell) else { return look.sample.url(look.path ?? "").path }
    return try made.path(name) {
      if cell.view == .own { return try look.read() }
      switch try input(look, cell) {
      case .image(let image): return try image.png()
      case .audio(let sound): return sound.wave()
      case .text(let text): return Data(text.utf8)
      }
    }
  }

  /// What an input is called that is made for a request; nil for a file of the data's own.
  private func madeName(_ look: RawInputReference, _ cell: AuditCell) -> String? {
    let (kind, row, number) = (look.kind.rawValue, cell.row, look.number)
    let ending = look.kind == .image ? "png" : "wav"
    switch cell.view {
    case .own, .absent:
      guard look.sample.isStored(look.path ?? "") else { return nil }
      // As it is, in whatever format: models look at the bytes.
      let own = look.path.map { URL(filePath: $0).pathExtension } ?? ""
      let plain = own.count < 6 && !own.isEmpty && own.allSatisfy { $0.isLetter || $0.isNumber }
      return "\(kind)-own-\(row)-\(number).\(plain ? own : ending)"
    case .missing: return "\(kind)-missing.\(ending)"
    case .impaired(let place): return "\(kind)-\(place)-\(row)-\(number).\(ending)"
    case .parts(let bits): return "\(kind)-parts-\(row)-\(String(bits, radix: 16)).\(ending)"
    }
  }

  func release(_ shown: [AuditCell]) {
    // What stands for every missing input stays.
    for (kind, cell) in zip(kinds, shown) where kind != .text && cell.view != .missing {
      for look in (try? looks(cell, kind)) ?? [] {
        if let name = madeName(look, cell) { made.release(name) }
      }
    }
  }

  // MARK: Words and patches

  /// Words and patches of a sample; nil where it has not one picture and a text, or the data holds something besides.
  func parts(of row: Int32) throws -> InputParts? {
    guard let text = parted(row), let look = RawInputReference.all(of: chosen[Int(row)], .image).first else {
      return nil
    }
    return try taken.parts(of: row) {
      guard case .image(let picture) = try look.decoded(look.read()) else {
        throw Diagnosis("the picture cannot be read", place: look.path, exitStatus: .input)
      }
      return InputParts(
        picture: picture, text: text, imageName: RawInput.Kind.image.rawValue, textName: RawInput.Kind.text.rawValue)
    }
  }

  /// What paths of pictures are meant from.
  var folder: URL? { chosen.first?.folder }

  func origin(of row: Int) -> SampleOrigin { SampleOrigin(chosen[row]) }

  /// The text of a sample that can be taken apart; nil where it cannot.
  func parted(_ row: Int32) -> String? {
    let sample = chosen[Int(row)]
    guard Set(kinds) == [.image, .text], sample.has(.image), sample.has(.text), sample.frames.isEmpty,
      let text = sample.text, !text.allSatisfy(\.isWhitespace)
    else { return nil }
    return text
  }

  /// What shows some parts of a row: what shows all of them is the row's own.
  func cells(_ parts: InputParts, _ row: Int32, _ there: [Bool]) -> [AuditCell] {
    let (words, patches) = (there[..<parts.words.count], there[parts.words.count...])
    return kinds.map { kind in
      let own = kind == .text ? words : patches
      guard own.contains(false) else { return AuditCell(row: row, view: .own) }
      // An empty text is what a missing one is, too.
      if kind == .text, !own.contains(true) { return AuditCell(row: -1, view: .missing) }
      return AuditCell(row: row, view: .parts(InputParts.bits(own)))
    }
  }

  func identify(_ shown: [AuditCell], into bytes: inout [UInt8]) throws {
    for (place, (kind, cell)) in zip(kinds, shown).enumerated() {
      bytes += Array("\n\(kind.rawValue) ".utf8)
      guard let looks = try looks(cell, kind) else { continue }
      if cell.view == .missing {
        bytes += Array("missing".utf8)
        continue
      }
      for look in looks {
        if let text = look.text {
          let text = try partText(text, cell)
          bytes += Array("text \(text.utf8.count) ".utf8) + Array(text.utf8)
        } else {
          bytes += Array(RowKey(digests[Int(cell.row)][look.fileNumber], condition: "file").words.utf8)
        }
        if case .parts(let bits) = cell.view, kind == .image, let parts = try parts(of: cell.row) {
          bytes += Array(" \(parts.grid) × \(parts.grid) patches \(bits)".utf8)
        }
        guard case .impaired(let number) = cell.view else { continue }
        let (name, impairment) = damage[place][number]
        bytes += Array(" \(kind.rawValue)-\(name)/\(look.stream) \(seed) \(impairment)".utf8)
      }
    }
  }

  private func partText(_ text: String, _ cell: AuditCell) throws -> String {
    guard case .parts(let bits) = cell.view else { return text }
    return try parts(of: cell.row)?.text(bits: bits) ?? text
  }
}
