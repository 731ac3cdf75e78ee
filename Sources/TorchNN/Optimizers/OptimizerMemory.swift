import Torch

/// What an optimizer remembers of each of a model's numbers, and whose rows it moves.
///
/// Where several processes that share memory train one model, each moves some rows of every large parameter and is told the
/// others'. What is remembered of such a parameter lies in memory that all have in common, where each writes its own rows alone:
/// so each can write down the whole.
struct OptimizerMemory {
  /// A step of some parameters: their own rows, and what goes with these.
  typealias Move = (parameters: [Tensor], gradients: [StepGradient], memory: [[Tensor]])

  private let store: ParameterStore
  private let group: ProcessGroup?
  /// Parameters of which each process moves some rows.
  private let divided: Set<Int>
  /// One tensor for each number that is remembered, [store.count]; those of divided parameters are not used.
  private let own: [Tensor]
  /// By what is remembered, then by parameter, in its shape.
  private let views: [[Tensor]]

  /// - Parameter count: how many numbers are remembered for each of the model's.
  init(_ store: ParameterStore, count: Int) throws(TorchError) {
    self.store = store
    var own: [Tensor] = []
    var views: [[Tensor]] = []
    for _ in 0..<count {
      let zeros = try Tensor.zeros([store.count], store.elementType, on: store.device)
      own.append(zeros)
      views.append(try store.views(of: zeros))
    }
    self.own = own
    var divided: Set<Int> = []
    if let group = store.group, group.sharesMemory, store.device == .cpu {
      for parameter in store.parameters
      where (parameter.shape.first ?? 0) >= group.count && parameter.count >= group.leastNumbers {
        divided.insert(parameter.index)
      }
      var common: [Tensor] = []
      if !divided.isEmpty {
        for _ in 0..<count {
          if let zeros = try group.zeros(store.count, store.elementType) { common.append(zeros) }
        }
      }
      // Where there is no room for all, each process moves all.
      if common.count < count { divided = [] }
      for (place, zeros) in common.enumerated() where !divided.isEmpty {
        for (index, view) in try store.views(of: zeros).enumerated() where divided.contains(index) {
          views[place][index] = view
        }
      }
    }
    (self.views, self.divided) = (views, divided)
    group = divided.isEmpty ? nil : store.group
  }

  /// This process's rows of a parameter; nil: all.
  private func rows(_ index: Int) -> Range<Int>? {
    guard let group, divided.contains(index) else { return nil }
    return group.share(of: store.parameters[index].shape[0])
  }

  /// Takes a step, in which `move` is called for parameters that are moved alike.
  func step(
    _ gradients: Gradients, _ counts: inout StepCounts,
    _ move: (_ step: Int, _ rateFactor: Double, Move) throws(TorchError) -> Void
  ) throws(TorchError) {
    _ = try store.flat()
    // Another process may be writing down what is remembered.
    try group?.meet()
    for (step, factor, indices) in counts.advance(gradients) {
      var parameters: [Tensor] = []
      var memory = views.map { _ in [Tensor]() }
      for index in indices {
        let own = rows(index)
        func some(_ tensor: Tensor) throws(TorchError) -> Tensor {
          if let own { try tensor.detached().rows(own) } else { tensor }
        }
        parameters.append(try some(store.parameters[index].tensor))
        for place in views.indices { memory[place].append(try some(views[place][index])) }
      }
      try move(step, factor, (parameters, gradients.stepGradients(indices, rows: rows), memory))
    }
    try group?.fill(gradients.presentIndices.filter(divided.contains).map { store.parameters[$0].tensor })
  }

  /// What is remembered at a place, [store.count].
  func whole(_ place: Int) throws(TorchError) -> Tensor {
    if divided.isEmpty { return own[place] }
    let whole = try own[place].cloned()
    for (index, view) in try store.views(of: whole).enumerated() where divided.contains(index) {
      try view.copy(from: views[place][index])
    }
    return whole
  }

  /// Remembers what `whole` gave for each place; where processes divide the steps all of them do so at once.
  func restore(_ wholes: [Tensor]) throws(TorchError) {
    for (place, whole) in wholes.enumerated() {
      try own[place].copy(from: whole)
      for (index, view) in try store.views(of: own[place]).enumerated() {
        if let rows = rows(index) { try views[place][index].rows(rows).copy(from: view.rows(rows)) }
      }
    }
    try group?.meet()
  }
}
