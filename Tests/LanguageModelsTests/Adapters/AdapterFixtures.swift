import Testing
import Torch
import TorchNN

@testable import LanguageModels

/// The vectors' map of 4 inputs and 3 outputs with an adapter of rank 2 and α 4, and its five tokens.
struct VectorMap {
  let map: FrozenLinear
  let mode: AdapterMode
  let store: ParameterStore
  let input: Tensor
  /// Two tokens of a picture, two of the question, one of the answer.
  let pass: ForwardPass

  static let roles: [TokenRole] = [.image, .image, .instruction, .instruction, .answer]

  init(_ settings: AdapterSettings, roles: [TokenRole] = Self.roles, dropout: Double = 0) throws {
    map = FrozenLinear(weight: try waves(2, [3, 4]))
    mode = AdapterMode(probability: dropout)
    store = ParameterStore(random: RandomSource(seed: 0), elementType: .float64)
    input = try (waves(1, [5, 4]) * 2).unsqueezed(0)
    pass = ForwardPass(groups: [roles.map(\.rawValue)])
    let values: [(Parameter, Int)]
    switch settings.kind {
    case .lora:
      let adapter = try LoRA(store.root, inputs: 4, outputs: 3, settings, mode)
      values = [(adapter.down, 3), (adapter.up, 5)]
      map.adapter = adapter
    case .moka:
      let adapter = try MokA(store.root, inputs: 4, outputs: 3, settings, mode)
      values = [(adapter.text, 3), (adapter.image, 4), (adapter.up, 5)]
      map.adapter = adapter
    }
    _ = try store.flat()
    for (parameter, number) in values { try parameter.tensor.copy(from: waves(number, parameter.shape)) }
  }

  static func settings(_ kind: AdapterSettings.Kind, lambda: Double = 1) -> AdapterSettings {
    var settings = AdapterSettings()
    (settings.kind, settings.rank, settings.alpha, settings.dropout, settings.lambda) = (kind, 2, 4, 0, lambda)
    return settings
  }

  /// y, [5, 3].
  func output(_ x: Tensor? = nil) throws -> Tensor { try map(x ?? input, pass).selected(0, 0) }

  func parameter(_ name: String) throws -> Tensor { try #require(store[ParameterPath(name)]).tensor }
}

extension ModelAdapter {
  /// Gives every matrix B numbers, so that the adapter does something.
  func shake(_ size: Double = 1) throws {
    for (number, parameter) in store.parameters.enumerated() where parameter.path.description.contains("lora_B") {
      try parameter.tensor.copy(from: waves(number, parameter.shape) * size)
    }
  }
}
