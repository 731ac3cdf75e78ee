public import Auditing
public import Foundation
import Records
import Torch

extension PredictionTable {
  /// What an audit's table is called in its folder.
  public static let fileName = "table.safetensors"

  /// Writes the table as a file that ``init(reading:needsLabels:)`` reads: numbers as they are, names in the header.
  public func write(to url: URL) throws {
    var tensors: [(String, Tensor)] = []
    var names = [
      "ids": Self.list(ids), "classes": Self.list(classes), "modalities": Self.list(modalities),
    ]
    if let groups { names["groups"] = Self.list(groups) }
    func add(_ name: String, _ scores: AnswerTable, _ shape: [Int]? = nil) throws {
      let full = scores.kind == .logits ? "logits/\(name)" : name
      tensors.append((full, try Tensor(scores.values, shape: shape ?? [scores.rows, scores.classes])))
    }
    func add(_ name: String, _ labels: Labels) throws {
      switch labels {
      case .classes(let numbers): tensors.append((name, try Tensor(numbers, shape: [numbers.count])))
      case .several(let given):
        tensors.append(
          (name, try Tensor(given.map { $0 ? 1 : 0 }, shape: [given.count / classes.count, classes.count])))
      }
    }
    if let labels { try add("labels", labels) }
    for (name, scores) in conditions.sorted(by: { $0.key < $1.key }) { try add(name, scores) }
    for swap in swaps {
      let name = AuditKeys.swap(swap.modality, swap.k)
      try add(name, swap.scores)
      tensors.append(("\(name):index", try Tensor(swap.index, shape: [swap.index.count])))
    }
    if let grid {
      let n = grid.index.count
      try add(AuditKeys.grid, grid.scores, [n, n, classes.count])
      tensors.append(("\(AuditKeys.grid):index", try Tensor(grid.index, shape: [n])))
    }
    if let grids {
      let n = grids.index.count
      for (name, scores) in grids.scores.sorted(by: { $0.key < $1.key }) {
        try add(AuditKeys.grid(name), scores, [n, n, classes.count])
      }
      tensors.append(("\(AuditKeys.grid):index", try Tensor(grids.index, shape: [n])))
      tensors.append(
        (TableNames.partners, try Tensor(grids.partners.flatMap { $0 }, shape: [n, modalities.count])))
    }
    for (name, scores) in baseline.sorted(by: { $0.key < $1.key }) { try add("baseline/\(name)", scores) }
    for (name, scores) in (parts ?? [:]).sorted(by: { $0.key < $1.key }) { try add("parts/\(name)", scores) }
    for (name, embedding) in embeddings.sorted(by: { $0.key < $1.key }) {
      tensors.append(
        (TableNames.embedding + name, try Tensor(embedding.values, shape: [embedding.rows, embedding.width])))
    }
    if let validation {
      try add("validation/labels", validation.labels)
      for (name, scores) in validation.conditions.sorted(by: { $0.key < $1.key }) {
        try add("validation/\(name)", scores)
      }
    }
    if let prior { tensors.append(("prior", try Tensor(prior, shape: [prior.count]))) }
    try Diagnosis.placing(url) { try SafeTensors.write(tensors, metadata: names, to: url) }
  }

  private static func list(_ texts: [String]) -> String { Tree.list(texts.map(Tree.string)).json() }
}
