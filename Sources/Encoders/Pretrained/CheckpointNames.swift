import TorchNN

/// The names and shapes of a checkpoint's tensors, as a network asks for them.
package struct CheckpointNames {
  /// By the file's own names.
  let shapes: [String: [Int]]
  /// Where the checkpoint is, for errors.
  let folder: String
  /// What a tensor's name begins with in the files.
  private var prefix = ""
  private var map = NameMap.plain

  init(_ shapes: [String: [Int]], of folder: String) {
    self.shapes = shapes
    self.folder = folder
  }

  /// The checkpoint's name of what a network calls so.
  func callAsFunction(_ name: String) -> String {
    let found = prefix + map(name)
    guard shapes[found] == nil else { return found }
    // The oldest checkpoints have TensorFlow's names.
    for (new, old) in [(".weight", ".gamma"), (".bias", ".beta")] where found.hasSuffix(new) {
      let older = String(found.dropLast(new.count)) + old
      if shapes[older] != nil { return older }
    }
    return found
  }

  func has(_ name: String) -> Bool { shape(of: name) != nil }
  func shape(of name: String) -> [Int]? { shapes[self(name)] }
  func hasAnywhere(_ name: String) -> Bool { has(name) || shapes.keys.contains { $0.hasSuffix(".\(name)") } }

  func within(_ path: String) -> CheckpointNames {
    var copy = self
    copy.prefix += path
    return copy
  }

  /// The names by a family's map, below the one place where the tensor of that name stands, so that `bert.`, `model.bert.` and
  /// nothing at all are read alike.
  func rooted(at anchor: String, by map: NameMap = .plain) throws -> CheckpointNames {
    var copy = self
    copy.map = map
    if copy.has(anchor) { return copy }
    let end = map(anchor)
    // What a decoder calls by the same name is no encoder.
    let found = shapes.keys.filter { $0.hasSuffix(".\(end)") && !$0.contains("decoder") }
    guard let name = found.min(by: { ($0.count, $0) < ($1.count, $1) }) else {
      throw CheckpointError.noTensor(end, in: folder)
    }
    copy.prefix = String(name.dropLast(end.count))
    return copy
  }

  /// The same place, by another map.
  func mapped(by map: NameMap) -> CheckpointNames {
    var copy = self
    copy.map = map
    return copy
  }

  /// The channels that a convolution without groups gives, of so many that come in.
  ///
  /// - Parameter isDepthwise: whether each channel has a kernel of its own.
  func kernel(_ name: String, inputs: Int, isDepthwise: Bool = false) throws -> (outputs: Int, side: Int) {
    let name = "\(name).weight"
    guard let shape = shape(of: name) else { throw CheckpointError.noTensor(self(name), in: folder) }
    guard shape.count == 4, shape[1] == (isDepthwise ? 1 : inputs), !isDepthwise || shape[0] == inputs else {
      throw CheckpointError.unsupported(
        key: self(name), value: "\(shape)", in: folder,
        supported: isDepthwise
          ? "a kernel for each of the \(inputs) channels" : "convolutions in one group over \(inputs) channels")
    }
    return (shape[0], shape[2])
  }
}

extension Scope {
  /// The same place, whose parameters are called as a checkpoint calls them.
  func named(by names: CheckpointNames) -> Scope { renamed { names($0) } }
}
