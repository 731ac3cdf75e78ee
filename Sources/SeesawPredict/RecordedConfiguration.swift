package import Records

extension RunConfiguration {
  /// Settings that came later than the first runs, and what these had instead.
  private static let later: [(path: String, value: Tree)] = [
    ("model.encoders", [:]), ("optimizer.learning_rates", []), ("training.frozen", []),
    ("training.crop", 1.0), ("training.dropout", "0"), ("model.fusion_rank", .int(ModelSettings().fusionRank)),
    ("training.loss", .string(LossForm.crossEntropy.rawValue)), ("training.focal_gamma", .number(2)),
    // The table last: it is left out once nothing is left in it.
    ("data.modalities", []), ("data.view", ""), ("data.scale", .string(DataSettings.noScale)), ("data", [:]),
  ]

  /// The configuration in a run's record.
  ///
  /// - Parameter place: the record's file, for errors.
  /// - Throws: a `Diagnosis`, as where its fusion is not registered in this program.
  package init(recorded tree: Tree, in place: String? = nil) throws {
    var tree = tree
    for (path, value) in Self.later where tree[path: path] == nil { tree[path: path] = value }
    let fusion = tree[path: "model.fusion"]?.stringValue
    if let fusion, !FusionForm.allowed.contains(where: { $0.tolerantKey == fusion.tolerantKey }) {
      throw Diagnosis(
        "the run has the fusion '\(fusion.escapedForTerminal.clipped(100))', which is not registered in this program",
        place: place, remedy: "use the program that registers it: FusionRegistry.register", exitStatus: .input)
    }
    self = try tree.decode()
  }

  /// A configuration's tree without what earlier runs had no setting for.
  package static func withoutLater(_ tree: Tree) -> Tree {
    var tree = tree
    for (path, value) in later where tree[path: path] == value { tree[path: path] = nil }
    return tree
  }
}
