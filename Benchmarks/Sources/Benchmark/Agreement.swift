import Foundation
import Seesaw

/// That the reference computes what we compute: the same weights after one step from the same weights on the same batch.
struct Agreement {
  private let reference: Reference

  init(_ reference: Reference) { self.reference = reference }

  /// What makes both deterministic, by method, in our words and in theirs.
  private static let settings: [String: (ours: Tree, theirs: Tree)] = [
    "ogm-ge": (["noise": .bool(false)], ["noise": .bool(false)])
  ]

  func check() throws {
    Runtime.setThreads(1)
    try reference.ask(["do": "threads", "count": .int(1)])
    var worst = 0.0
    for name in Reference.methods {
      for modalities in [2, 3] {
        for step in [0, 40] {
          // Along the gradient, of which Adam's first step shows little but the sign; and as it is measured.
          for descends in [true, false] { worst = max(worst, try difference(name, modalities, step, descends)) }
        }
      }
    }
    print("the reference and we agree: \(Reference.methods.joined(separator: ", ")), largest difference \(worst)")
  }

  /// The largest difference of a weight after a step.
  private func difference(_ name: String, _ modalities: Int, _ step: Int, _ descends: Bool) throws -> Double {
    let shape = Shape(modalities: modalities, width: 24, hidden: 16, classes: 5, batch: 32)
    let settings = Self.settings[name]
    let generator = try RandomSource(seed: 7 + step).generator("agreement")
    let batch = Batch(
      samples: Array(0..<shape.batch),
      inputs: try PerModality(shape.names) { _ in try generator.normal([shape.batch, shape.width]) },
      labels: try Tensor((0..<shape.batch).map { ($0 * 3 + $0 / 5) % shape.classes }))
    let ours = try Candidate(
      name, shape, settings: settings?.ours ?? .table([:]), steps: 101, step: step, batch: batch,
      descends: descends)

    let folder = FileManager.default.temporaryDirectory.appending(path: "agreement-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (given, found) = (folder.appending(path: "given.safetensors"), folder.appending(path: "found.safetensors"))
    let before = try ours.session.model.store.named().map { ($0.0, try $0.1.detached().cloned()) }
    let inputs = shape.names.map { ("input.\($0.name)", batch.inputs[$0]) }
    try SafeTensors.write(before + inputs + [("labels", batch.labels)], to: given)
    try reference.ask([
      "do": "once", "method": .string(name), "optimizer": .string(descends ? "sgd" : "adam"),
      "file": .string(given.path), "to": .string(found.path),
      "modalities": .int(modalities), "step": .int(step), "steps": .int(101),
      "settings": settings?.theirs ?? .table([:]),
    ])
    try ours.step()

    let theirs = try SafeTensors(reading: found)
    var worst = 0.0
    var moved = 0.0
    for ((path, tensor), (_, old)) in zip(ours.session.model.store.named(), before) {
      let here: [Double] = try tensor.detached().array()
      let there: [Double] = try theirs.tensor(path).array()
      let was: [Double] = try old.array()
      for ((a, b), c) in zip(zip(here, there), was) {
        moved = max(moved, abs(a - c))
        worst = max(worst, abs(a - b))
      }
    }
    guard moved > 1e-4 else { throw BenchmarkError("'\(name)' did not move") }
    guard worst <= 1e-5 else {
      throw BenchmarkError("'\(name)' with \(modalities) modalities at step \(step) differs by \(worst)")
    }
    return worst
  }
}
