import Balancing
import Datasets
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// All that a run needs to go on, in one file that says its own digest.
///
/// The last two are kept: should the newest not be what was written, the one before is gone on from.
struct Checkpoint {
  /// What fits a header better than a tensor.
  struct Numbers: Codable {
    var digest: String
    var epoch: Int
    var batch: Int
    var isPrepared: Bool
    var step: Int
    var sums: [String: Double]
    var counts: [String: Int]
    var bestEpoch: Int?
    var bestScore: Double?
    var bestLoss: Double?
    /// Of the last epochs, where the selection takes means over several.
    var recentMerits: [EpochSelection.Merit]?
    var method: Tree
    var bestMethod: Tree?
    var secondsBefore: Double
    /// What the plan of the epoch is made again from; a plan that a method listed is kept whole.
    var order: SampleOrder?
    /// Nil in checkpoints of earlier versions.
    var work: Work?
  }

  var numbers: Numbers
  var tensors: [(String, Tensor)]
  /// The digest that the file says of itself.
  let sha256: String

  /// The weights selected so far.
  struct Best {
    let epoch: Int
    let merit: EpochSelection.Merit
    let weights: Tensor
    let method: MethodState?
  }

  static func write(
    in folder: RunFolder, digest: String, session: TrainingSession, optimizer: any Optimizer,
    method: any BalancingMethod,
    probe: StepProbe?, position: Trainer.Position, best: Best?, recentMerits: [EpochSelection.Merit], seconds: Double
  ) throws {
    let state = try (method as? any Checkpointed)?.state()
    var tensors: [(String, Tensor)] = [("weights", try session.model.store.flat())]
    tensors += try optimizer.state().map { ("optimizer.\($0.0)", $0.1) }
    tensors += try probe?.state().map { ("probe.\($0.0)", $0.1) } ?? []
    tensors += (state?.tensors ?? []).map { ("method.\($0.name)", $0.tensor) }
    if let best {
      tensors.append(("best.weights", best.weights))
      tensors += (best.method?.tensors ?? []).map { ("best.method.\($0.name)", $0.tensor) }
    }
    if let plan = position.plan, plan.order == nil {
      let modalities = session.model.modalities
      tensors.append(("plan.samples", try Tensor(plan.visits.map(\.sample))))
      let masks = plan.visits.map { visit in
        modalities.enumerated().reduce(0) { $0 | (visit.hidden.contains($1.element) ? 1 << $1.offset : 0) }
      }
      tensors.append(("plan.hidden", try Tensor(masks)))
    }
    let numbers = Numbers(
      digest: digest, epoch: position.epoch, batch: position.batch, isPrepared: position.isPrepared,
      step: session.clock.step, sums: position.sums, counts: position.counts, bestEpoch: best?.epoch,
      bestScore: best?.merit.score, bestLoss: best?.merit.loss, recentMerits: recentMerits.isEmpty ? nil : recentMerits,
      method: state?.numbers ?? .table([:]), bestMethod: best?.method?.numbers,
      secondsBefore: seconds, order: position.plan?.order, work: session.tally.work)
    try write(numbers, tensors, in: folder)
  }

  /// Writes numbers and tensors with their digest, and keeps the checkpoint before.
  static func write(_ numbers: Numbers, _ tensors: [(String, Tensor)], in folder: RunFolder) throws {
    let text = try Tree(encoding: numbers, keys: .asNamed).json()
    let metadata = ["checkpoint": text, "sha256": try sha256(text, tensors)]
    // Written whole before the older one gives way; killed between the two renamings, the older one is there.
    let made = folder.url.appending(path: ".\(folder.checkpoint.lastPathComponent).new.part")
    do { try SafeTensors.write(tensors, metadata: metadata, to: made) } catch {
      var diagnosis = Diagnosis(describing: error)
      diagnosis.place = folder.checkpoint.relativePath
      throw diagnosis
    }
    try Diagnosis.placing(folder.checkpoint) {
      if FileManager.default.fileExists(atPath: folder.checkpoint.path) {
        try AtomicFile.rename(folder.checkpoint, to: folder.previousCheckpoint)
      }
      try AtomicFile.rename(made, to: folder.checkpoint)
    }
  }

  /// The newest checkpoint of a folder that is what was written, belongs to the run and has its rows beside it.
  ///
  /// - Returns: nil where there is none; and what is wrong with those that were passed over.
  static func newest(in folder: RunFolder, digest: String) -> (checkpoint: Checkpoint?, faults: [String]) {
    var faults: [String] = []
    for url in [folder.checkpoint, folder.previousCheckpoint] where FileManager.default.fileExists(atPath: url.path) {
      do {
        let found = try Checkpoint(reading: url)
        guard found.numbers.digest == digest else { throw Diagnosis("it belongs to another run") }
        guard JSONLines.holds(found.numbers.step, by: "step", in: folder.steps),
          JSONLines.holds(found.numbers.epoch, by: "epoch", in: folder.epochs)
        else { throw Diagnosis("the rows of the steps before it are not all there") }
        return (found, faults)
      } catch {
        faults.append("\(url.lastPathComponent) cannot be gone on from: \(Diagnosis(describing: error).what)")
      }
    }
    return (nil, faults)
  }

  init(reading url: URL) throws {
    let file: SafeTensors
    do { file = try SafeTensors(reading: url) } catch { throw Diagnosis("it is damaged: \(error)", exitStatus: .input) }
    guard let text = file.metadata["checkpoint"], let digest = file.metadata["sha256"] else {
      throw Diagnosis("it is no checkpoint", place: url.relativePath, exitStatus: .input)
    }
    // Copied, so that the file may be replaced while its tensors are in use.
    tensors = try file.names.map { ($0, try file.tensor($0).cloned()) }
    guard try Self.sha256(text, tensors) == digest else {
      throw Diagnosis("it is not as it was written", place: url.relativePath, exitStatus: .input)
    }
    sha256 = digest
    numbers = try Tree(json: text, place: url.relativePath).decode(keys: .asNamed)
  }

  /// The digest of everything in a checkpoint, whatever the order of its tensors.
  private static func sha256(_ text: String, _ tensors: [(String, Tensor)]) throws -> String {
    var hash = SHA256()
    hash.update(data: Data(text.utf8))
    for (name, tensor) in tensors.sorted(by: { $0.0 < $1.0 }) {
      hash.update(data: Data("\n\(name) \(tensor.elementType) \(tensor.shape)\n".utf8))
      hash.update(data: try tensor.bytes())
    }
    return FileDigest.hex(hash.finalize())
  }

  /// Puts everything back, and says where to go on.
  func restore(
    _ session: TrainingSession, _ optimizer: any Optimizer, _ method: inout any BalancingMethod, _ probe: StepProbe?
  ) throws -> (Trainer.Position, Best?) {
    try session.model.store.restore(tensor("weights"))
    try optimizer.restore { try tensor("optimizer.\($0)") }
    try probe?.restore { try tensor("probe.\($0)") }
    if var checkpointed = method as? any Checkpointed {
      try checkpointed.restore(MethodState(numbers: numbers.method, tensors: tensors(under: "method.")))
      method = checkpointed
    }
    session.clock.step = numbers.step
    if let work = numbers.work { session.tally.work = work }
    var position = Trainer.Position()
    position.epoch = numbers.epoch
    position.batch = numbers.batch
    position.isPrepared = numbers.isPrepared
    position.sums = numbers.sums
    position.counts = numbers.counts
    position.plan = numbers.order.map(SamplingPlan.init)
    if tensors.contains(where: { $0.0 == "plan.samples" }) {
      let samples: [Int] = try tensor("plan.samples").array()
      let masks: [Int] = try tensor("plan.hidden").array()
      let modalities = session.model.modalities
      position.plan = SamplingPlan(
        zip(samples, masks).map { sample, mask in
          SamplingPlan.Visit(
            sample, hidden: Set(modalities.indices.filter { mask & (1 << $0) != 0 }.map { modalities[$0] }))
        })
    }
    var best: Best?
    if let epoch = numbers.bestEpoch, let score = numbers.bestScore {
      best = Best(
        epoch: epoch, merit: EpochSelection.Merit(score: score, loss: numbers.bestLoss ?? 0),
        weights: try tensor("best.weights"),
        method: numbers.bestMethod.map { MethodState(numbers: $0, tensors: tensors(under: "best.method.")) })
    }
    return (position, best)
  }

  func tensor(_ name: String) throws -> Tensor {
    guard let found = tensors.first(where: { $0.0 == name }) else {
      throw Diagnosis("the checkpoint lacks '\(name)'", exitStatus: .input)
    }
    return found.1
  }

  private func tensors(under prefix: String) -> [(name: String, tensor: Tensor)] {
    tensors.filter { $0.0.hasPrefix(prefix) }.map { (String($0.0.dropFirst(prefix.count)), $0.1) }
  }
}
