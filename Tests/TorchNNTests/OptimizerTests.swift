import Foundation
import TestSupport
import Testing
import Torch

@testable import TorchNN

/// The trajectories and schedules that PyTorch computed.
struct OptimizerGolden: Decodable {
  struct Trajectory: Decodable, Sendable, CustomTestStringConvertible {
    struct Settings: Decodable, Sendable {
      let learningRate: Double
      let momentum: Double?
      let weightDecay: Double?
      let nesterov: Bool?
      let beta1: Double?
      let beta2: Double?
      let epsilon: Double?
    }

    let name: String
    let optimizer: String
    let settings: Settings
    let gradients: String
    let after: [String: [[Double]]]

    var testDescription: String { name }
  }

  struct Scheduled: Decodable, Sendable, CustomTestStringConvertible {
    let schedule: String
    let steps: Int
    let warmup: Int
    let size: Int?
    let gamma: Double?
    let factors: [Double]

    var testDescription: String { "\(schedule), warm-up \(warmup)" }
  }

  let shapes: [String: [Int]]
  let start: [String: [Double]]
  let gradients: [String: [[String: [Double]?]]]
  let trajectories: [Trajectory]
  let schedules: [Scheduled]

  static let file = Result {
    try JSONDecoder().decode(OptimizerGolden.self, from: Data(contentsOf: Conditions.golden("optimizers.json")))
  }
}

@Suite("Optimizers")
struct OptimizerTests {
  private static let names: [ParameterPath] = ["first.weight", "first.bias"]

  private func store(_ type: ElementType) throws -> ParameterStore {
    Conditions.prepare()
    let golden = try OptimizerGolden.file.get()
    let store = ParameterStore(random: RandomSource(seed: 0), elementType: type)
    for name in Self.names {
      let parameter = try store.make(name, try #require(golden.shapes[name.description]), .zeros)
      let start = try #require(golden.start[name.description])
      try parameter.tensor.copy(from: Tensor(start, shape: parameter.shape))
    }
    _ = try store.flat()
    return store
  }

  private func optimizer(_ trajectory: OptimizerGolden.Trajectory, _ store: ParameterStore) throws -> any Optimizer {
    let settings = trajectory.settings
    if trajectory.optimizer == "sgd" {
      return try SGD(
        store, momentum: settings.momentum ?? 0, weightDecay: settings.weightDecay ?? 0,
        nesterov: settings.nesterov ?? false)
    }
    return try Adam(
      store, beta1: settings.beta1 ?? 0.9, beta2: settings.beta2 ?? 0.999, epsilon: settings.epsilon ?? 1e-8,
      weightDecay: settings.weightDecay ?? 0, decoupled: trajectory.optimizer == "adamw")
  }

  private func directions(_ kind: String, _ store: ParameterStore) throws -> [Gradients] {
    let golden = try OptimizerGolden.file.get()
    return try #require(golden.gradients[kind]).map { step in
      var (values, present) = ([Double](), Set<Int>())
      for (index, name) in Self.names.enumerated() {
        if let given = step[name.description] ?? nil {
          present.insert(index)
          values += given
        } else {
          values += [Double](repeating: 0, count: store.parameters[index].count)
        }
      }
      return try Gradients(store, flat: Tensor(values).to(store.elementType), present: present)
    }
  }

  @Test(
    "ten steps go where PyTorch's go, absent gradients included",
    arguments: (try? OptimizerGolden.file.get().trajectories) ?? [], [ElementType.float64, .float32])
  func trajectory(_ trajectory: OptimizerGolden.Trajectory, _ type: ElementType) throws {
    let store = try store(type)
    let optimizer = try optimizer(trajectory, store)
    let expected = try #require(trajectory.after["\(type)"])
    for (step, direction) in try directions(trajectory.gradients, store).enumerated() {
      try optimizer.step(direction, learningRate: trajectory.settings.learningRate)
      let tolerance = type == .float64 ? 1e-12 : 2e-6
      #expect(
        try allClose(store.flat().array(), expected[step], relative: tolerance, absolute: tolerance), "step \(step + 1)"
      )
    }
  }

  @Test("the golden file is there and holds all three optimizers")
  func goldenFile() throws {
    let golden = try OptimizerGolden.file.get()
    #expect(Set(golden.trajectories.map(\.optimizer)) == ["sgd", "adam", "adamw"])
    #expect(golden.trajectories.contains { $0.gradients == "sparse" })
  }

  @Test(
    "state that was kept goes on bit for bit in a new optimizer",
    arguments: (try? OptimizerGolden.file.get().trajectories) ?? [])
  func stateRoundTrip(_ trajectory: OptimizerGolden.Trajectory) throws {
    try withTemporaryFolder { folder in
      let (through, stopped) = (try store(Conditions.elementType), try store(Conditions.elementType))
      let (one, two) = (try optimizer(trajectory, through), try optimizer(trajectory, stopped))
      let (directions, others) = (
        try directions(trajectory.gradients, through), try directions(trajectory.gradients, stopped)
      )
      let rate = trajectory.settings.learningRate
      for direction in directions { try one.step(direction, learningRate: rate) }
      for direction in others.prefix(4) { try two.step(direction, learningRate: rate) }

      let url = folder.appending(path: "state.safetensors")
      try SafeTensors.write(try two.state(), to: url)
      let file = try SafeTensors(reading: url)
      let three = try optimizer(trajectory, stopped)
      try three.restore { try file.tensor($0) }
      for direction in others.dropFirst(4) { try three.step(direction, learningRate: rate) }
      #expect(try through.flat().array(of: Double.self) == stopped.flat().array())
    }
  }

  @Test("a parameter without a direction stays where it is, momentum and decay included")
  func absent() throws {
    for make in [
      { store in try SGD(store, momentum: 0.9, weightDecay: 0.1) as any Optimizer },
      { store in try Adam(store, weightDecay: 0.1, decoupled: true) as any Optimizer },
    ] as [(ParameterStore) throws -> any Optimizer] {
      let store = try store(.float64)
      let optimizer = try make(store)
      let all = try directions("dense", store)
      try optimizer.step(all[0], learningRate: 0.1)
      let before: [Double] = try store.flat().array()
      try optimizer.step(all[1].within([0]), learningRate: 0.1)
      let after: [Double] = try store.flat().array()
      #expect(after[6...] == before[6...])
      #expect(after[..<6] != before[..<6])
    }
  }

  @Test("a step along nothing moves nothing")
  func nothing() throws {
    let store = try store(.float64)
    let before: [Double] = try store.flat().array()
    try Adam(store, weightDecay: 1, decoupled: true).step(.none(store), learningRate: 1)
    #expect(try store.flat().array() == before)
  }

  @Test("state of another model is refused")
  func wrongState() throws {
    let store = try store(.float64)
    let adam = try Adam(store)
    #expect(throws: TorchError.self) { try adam.restore { _ in try Tensor.zeros([3], .float64) } }
    for optimizer in [adam, try SGD(store)] as [any Optimizer] {
      let error = #expect(throws: TorchError.self) {
        try optimizer.restore { $0 == "steps" ? try Tensor([1]) : try Tensor.zeros([9], .float64) }
      }
      #expect(error?.operation == "restore")
    }
  }

  @Test("a step leaves the variables variables")
  func stillVariables() throws {
    let store = try store(.float64)
    try SGD(store).step(directions("dense", store)[0], learningRate: 0.1)
    #expect(store.parameters.allSatisfy { $0.tensor.requiresGradient })
    let found = try Gradients(of: store.parameters[0].tensor.square().sum(), store)
    let doubled: [Double] = try store.parameters[0].tensor.array(of: Double.self).map { 2 * $0 }
    #expect(try found["first.weight"]?.array() == doubled)
  }
}

@Suite("Schedules")
struct ScheduleTests {
  @Test(
    "every schedule's factors are PyTorch's, warm-up included",
    arguments: (try? OptimizerGolden.file.get().schedules) ?? [])
  func golden(_ example: OptimizerGolden.Scheduled) throws {
    let schedule: Schedule =
      switch example.schedule {
      case "step": .step(size: try #require(example.size), gamma: try #require(example.gamma))
      case "cosine": .cosine
      case "linear": .linear
      default: .constant
      }
    // The golden step schedule counts steps, which are epochs here.
    let found = (0..<example.steps).map {
      schedule.factor(step: $0, of: example.steps, epoch: $0, warmup: example.warmup)
    }
    #expect(allClose(found, example.factors, relative: 1e-9, absolute: 1e-12))
  }

  @Test("the golden file holds every schedule")
  func goldenFile() throws {
    let golden = try OptimizerGolden.file.get()
    #expect(Set(golden.schedules.map(\.schedule)) == ["constant", "step", "cosine", "linear"])
  }

  @Test("steps by epochs fall at the end of each portion")
  func byEpochs() {
    let factors = (0..<7).map { Schedule.step(size: 3, gamma: 0.1).factor(step: $0 * 5, of: 35, epoch: $0) }
    #expect(allClose(factors, [1, 1, 1, 0.1, 0.1, 0.1, 0.01], relative: 1e-12))
  }

  @Test("one step or a long warm-up divides by nothing, and steps beyond those announced keep the last factor")
  func extremes() {
    for schedule in [Schedule.constant, .cosine, .linear, .step(size: 0, gamma: 0.5)] {
      #expect(schedule.factor(step: 0, of: 1, epoch: 0) == 1)
      #expect(schedule.factor(step: 3, of: 4, epoch: 0, warmup: 9) == 0.4)
      #expect(schedule.factor(step: 0, of: 0, epoch: 0).isFinite)
      let beyond = schedule.factor(step: 15, of: 10, epoch: 0)
      #expect((0...1).contains(beyond) && beyond == schedule.factor(step: 10, of: 10, epoch: 0))
    }
  }
}
