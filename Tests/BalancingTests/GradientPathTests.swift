import Balancing
import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

/// A model, data and method whose shapes a seed chooses.
private struct Draw {
  let entry: MethodRegistry.Entry
  var settings: Tree
  let fusion: FusionForm
  let data: SyntheticData
  let width: Int
  let weighsClasses: Bool
  /// γ of the focal loss; 0: cross-entropy.
  let focus: Double
  let elementType: ElementType
  let words: String

  init(
    _ entry: MethodRegistry.Entry, _ fusion: FusionForm, seed: Int, _ elementType: ElementType, settings: Tree? = nil,
    passesOver: Bool = false, task wanted: PredictionTask? = nil
  ) {
    var numbers = SeededNumbers(seed: UInt64(seed), stream: "\(entry.card.name)/\(fusion.rawValue)")
    func number(_ range: ClosedRange<Int>) -> Int { range.lowerBound + numbers.uniform(below: range.count) }
    let counts = (2...4).filter(entry.card.modalities.admits)
    let modalities = ["image", "text", "audio", "depth"].prefix(counts[numbers.uniform(below: counts.count)])
    let drawn = PredictionTask.ofClasses[numbers.uniform(below: PredictionTask.ofClasses.count)]
    let task = wanted ?? drawn
    let classes = task == .binary ? 2 : number(2...7)
    // One time in two the layers are wide beside the batch, so that inner products are taken by samples.
    let isWide = numbers.chance(0.5)
    data = SyntheticData(
      modalities: modalities.map { Modality($0) },
      widths: modalities.map { _ in passesOver ? number(250...300) : isWide ? number(40...60) : number(3...9) },
      task: task, classes: classes, count: passesOver ? 96 : isWide ? number(7...12) : number(9...24),
      seed: UInt64(seed), elementType: elementType)
    width = passesOver ? number(150...180) : isWide ? number(30...40) : number(2...8)
    weighsClasses = numbers.chance(0.3) && task.hasClasses
    focus = numbers.chance(0.3) && !entry.requirements.crossEntropy && task.hasClasses ? 1.5 : 0
    self.entry = entry
    self.settings = settings ?? entry.defaults
    self.fusion = fusion
    self.elementType = elementType
    words =
      "\(entry.card.name) by \(fusion.rawValue), \(task.rawValue), widths \(data.widths) to \(width), "
      + "\(data.count) samples, \(classes) classes, \(elementType), γ \(focus)"
  }

  /// Two steps, the first of which is followed, taken apart.
  func steps(_ path: GradientPath) throws -> [(report: StepReport, inspection: StepInspection)] {
    let session = try self.session(path)
    let validation = SyntheticData(
      modalities: data.modalities, widths: data.widths, task: data.task, classes: data.classes, count: 8, seed: 99,
      elementType: elementType)
    let context = TrainingContext(
      session: session, training: data, validation: validation, batchSize: data.count, random: RandomSource(seed: 3),
      makeSession: { try self.session(path) })
    var method = try entry(settings)
    if var preparing = method as? any PreparesBeforeTraining {
      try preparing.prepare(context)
      method = preparing
    }
    if var acting = method as? any ActsBetweenEpochs {
      try acting.epochWillBegin(0, context)
      method = acting
    }
    let batch = try data.whole()
    var taken: [(report: StepReport, inspection: StepInspection)] = []
    for step in 0..<2 {
      // Beyond any warm-up.
      session.clock.step = 500 + step
      var looking = method
      taken.append(try session.inspecting { try looking.step(batch, session) })
      _ = try method.step(batch, session)
    }
    return taken
  }

  private func session(_ path: GradientPath) throws -> TrainingSession {
    Conditions.prepare()
    let store = ParameterStore(random: RandomSource(seed: 3), elementType: elementType)
    let make = try FusionRegistry.entry(fusion)
    let model = try MultimodalModel(
      modalities: data.modalities, inputWidths: data.widths, embeddingWidths: data.widths.map { _ in width },
      classes: data.classes, task: data.task, store: store
    ) { scope, widths, classes throws(TorchError) in
      try make(FusionSite(scope: scope, widths: widths, classes: classes, rank: 5))
    }
    try model.addParameters(of: entry(settings))
    let weights =
      weighsClasses ? try Tensor((0..<data.classes).map { 0.5 + Double($0 % 3) * 0.5 }).to(elementType) : nil
    return TrainingSession(
      model, optimizer: try SGD(store, momentum: 0.9), learningRate: LearningRate(0.05),
      clock: TrainingClock(steps: 1000, epochs: 10), random: RandomSource(seed: 3), classWeights: weights, path: path,
      focus: focus)
  }

  /// Holds both paths against each other.
  func check() throws {
    let tolerance = elementType == .float64 ? 1e-9 : 1e-5
    for (one, two) in zip(try steps(.factored), try steps(.autograd)) {
      for (found, wanted) in [(one.report.losses, two.report.losses), (one.report.scalars, two.report.scalars)] {
        #expect(found.keys.sorted() == wanted.keys.sorted(), "\(words)")
        for (name, value) in wanted {
          // Numbers that come out of cancellation, such as a cosine near zero, are exact beside what cancelled.
          #expect(
            allClose([found[name] ?? .nan], [value], relative: 10 * tolerance, absolute: 10 * tolerance),
            "\(name) of \(words)")
        }
      }
      #expect(one.inspection.updates.count == two.inspection.updates.count)
      #expect(one.inspection.parts.map(\.name) == two.inspection.parts.map(\.name))
      let pairs =
        zip(one.inspection.updates, two.inspection.updates).map { ("update", $0, $1) }
        + zip(one.inspection.parts, two.inspection.parts).map { ($0.name, $0.gradients, $1.gradients) }
      for (part, found, wanted) in pairs {
        let (found, wanted) = (try found.named(), try wanted.named())
        #expect(found.map(\.0) == wanted.map(\.0), "\(part) of \(words)")
        let scale = try wanted.flatMap { try values($0.1).map(abs) }.max() ?? 0
        for ((name, one), (_, two)) in zip(found, wanted) {
          #expect(
            try allClose(values(one), values(two), relative: tolerance, absolute: tolerance * scale),
            "\(part)/\(name) of \(words)")
        }
      }
    }
  }
}

/// The graph that ends at frozen features' layers against the whole graph.
@Suite("Both ways of taking gradients")
struct GradientPathTests {
  @Test(
    "lead to the same losses, scalars, parts and direction, whatever the shapes, the task and the fusion",
    arguments: Candidate.all, [ElementType.float64, .float32])
  func agree(_ candidate: Candidate, _ elementType: ElementType) throws {
    let needs = candidate.entry.requirements
    let fusions =
      needs.attentionFusion
      ? [.crossAttention]
      : needs.concatenation
        ? [.concatenation] : needs.additiveFusion ? [.concatenation, .addition] : FusionForm.allCases
    guard elementType == .float32 else {
      for fusion in fusions { try Draw(candidate.entry, fusion, seed: 1, elementType).check() }
      return
    }
    // Other shapes, by the fusions in turn.
    let place = MethodRegistry.names.firstIndex(of: candidate.entry.card.name) ?? 0
    try Draw(candidate.entry, fusions[place % fusions.count], seed: 2, elementType).check()
  }

  @Test("lead to the same where a number is predicted", arguments: Candidate.all.filter { $0.predicts(.regression) })
  func agreeOnNumbers(_ candidate: Candidate) throws {
    let fusion = candidate.entry.requirements.attentionFusion ? FusionForm.crossAttention : .concatenation
    try Draw(candidate.entry, fusion, seed: 4, .float64, task: .regression).check()
  }

  @Test("lead to the same where classes are so few that embeddings are passed over", arguments: Candidate.all)
  func agreeWithoutEmbeddings(_ candidate: Candidate) throws {
    let fusion = candidate.entry.requirements.attentionFusion ? FusionForm.crossAttention : .concatenation
    try Draw(candidate.entry, fusion, seed: 3, .float64, passesOver: true).check()
  }

  @Test("lead to the same with every setting of a method", arguments: Candidate.all)
  func agreeWithSettings(_ candidate: Candidate) throws {
    let fusion = candidate.entry.requirements.attentionFusion ? FusionForm.crossAttention : .concatenation
    for (seed, settings) in Conformance.variations(candidate.entry).enumerated() {
      try Draw(candidate.entry, fusion, seed: seed, .float64, settings: settings).check()
    }
  }
}
