import Multimodal
import Records
import Torch
import TorchNN

/// The module of a TorchScript file as a network, of which is known only what comes out of it.
struct ScriptedNetwork: VisionNetwork, TextNetwork {
  let widths: [Pooling: Int]
  let standard: Pooling
  let smallest = (height: 1, width: 1)
  let dropout: DropoutPlaces? = nil
  let vocabulary: Int
  let places = Int.max
  private let script: Script

  /// A network over pictures, tried on those of `trial`, [B, 3, height, width].
  init(pictures script: Script, trial: Tensor) throws {
    guard script.module.required <= 1, !script.module.arguments.isEmpty else {
      throw ScriptError.arguments(script.module.arguments, file: script.file, reads: .image)
    }
    try self.init(script, vocabulary: 0) { try script.rows([trial], count: trial.shape[0]) }
  }

  /// A network over tokens, tried on those of `trial`.
  init(texts script: Script, vocabulary: Int, trial: TokenBatch) throws {
    try self.init(script, vocabulary: vocabulary) { try script.rows(trial) }
  }

  private init(_ script: Script, vocabulary: Int, trial: () throws -> Tensor) throws {
    self.script = script
    self.vocabulary = vocabulary
    standard = script.pooling ?? .pooler
    let rows = try withoutGradients(trial)
    widths = [standard: rows.shape[rows.rank - 1]]
  }

  func rows(_ pixels: Tensor, _ pass: ForwardPass, observe: (Tensor) throws -> Void) throws -> Tensor {
    try script.rows([pixels], count: pixels.shape[0])
  }

  func pooled(_ rows: Tensor, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor { try pooling(rows) ?? rows }

  func rows(_ batch: TokenBatch, _ pass: ForwardPass, observe: (Tensor) throws -> Void) throws -> Tensor {
    try script.rows(batch)
  }

  func pooled(_ rows: Tensor, _ batch: TokenBatch, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor { rows }
}

/// A TorchScript module, and what of its answer is wanted.
struct Script {
  let module: ScriptModule
  /// For messages.
  let file: String
  /// How rows become one; nil: the module gives one row a sample.
  let pooling: Pooling?
  /// How long every text is made, where the tokenizer says so, and by which token.
  var length: Int?
  var padding = 0

  init(reading file: String, pooling: Pooling?) throws {
    self.file = file
    self.pooling = pooling
    do { module = try ScriptModule(reading: file) } catch {
      throw ScriptError.unreadable(file: file, reason: Self.sentence(error))
    }
  }

  private static func sentence(_ error: TorchError) -> String {
    // The interpreter puts the traceback into the module's code first, and what happened last.
    let lines = error.message.split(separator: "\n").map(String.init)
    return (error.operation == "forward" ? lines.last : lines.first) ?? "no reason given"
  }

  /// Whether one row a sample is wanted, [B, width], instead of rows to pool, [B, places, width].
  private var wantsFeatures: Bool { pooling == nil || pooling == .pooler }

  /// What the module makes of some texts: tokens, and what else it asks for.
  func rows(_ batch: TokenBatch) throws -> Tensor {
    let length = max(length ?? batch.length, batch.length)
    func filled(_ row: [Int], _ filling: Int) -> [Int] {
      row + [Int](repeating: filling, count: length - row.count)
    }
    func tensor(_ rows: [[Int]]) throws -> Tensor { try Tensor(rows.flatMap { $0 }, shape: [rows.count, length]) }
    var inputs = [try tensor(batch.rows.map { filled($0, padding) })]
    var isMasked = false
    for (place, name) in module.arguments.enumerated().dropFirst() {
      let isRequired = place < module.required
      if name.contains("token_type") {
        guard isRequired else { break }
        inputs.append(try Tensor.zeros([batch.rows.count, length], .int64))
      } else if !isMasked, isRequired || name.contains("mask") {
        inputs.append(try tensor(batch.rows.map { filled([Int](repeating: 1, count: $0.count), 0) }))
        isMasked = true
      } else {
        guard isRequired else { break }
        throw ScriptError.arguments(module.arguments, file: file, reads: .text)
      }
    }
    guard !module.arguments.isEmpty else { throw ScriptError.arguments([], file: file, reads: .text) }
    return try rows(inputs, count: batch.rows.count)
  }

  /// What the module makes of `count` samples: what ``pooling`` wants of it, float32.
  func rows(_ inputs: [Tensor], count: Int) throws -> Tensor {
    let given: [(name: String, tensor: Tensor)]
    do { given = try module(inputs) } catch { throw ScriptError.failed(file: file, reason: Self.sentence(error)) }
    func refusal(_ found: String) -> ScriptError {
      .output(
        found, file: file,
        expected: wantsFeatures
          ? "numbers [\(count), features], or a pooling (cls, mean, …) to choose what becomes of rows"
          : "rows to pool [\(count), places, features]")
    }
    let named = given.first { $0.name == "pooler_output" } ?? given.dropFirst().first
    guard var rows = (pooling == .pooler ? named : nil)?.tensor ?? given.first?.tensor else {
      throw refusal("no tensor")
    }
    let shape = rows.shape
    guard rows.elementType.isFloatingPoint, shape.first == count, shape.count >= 2, shape.count <= 4, rows.count > 0,
      pooling != .projected
    else { throw refusal("\(rows.elementType) \(shape)") }
    // Places of a picture, channels first.
    if shape.count == 4 { rows = try rows.reshaped([count, shape[1], -1]).transposed(1, 2) }
    if wantsFeatures, rows.rank == 3, rows.shape[1] == 1 { rows = try rows.selected(1, 0) }
    guard rows.rank == (wantsFeatures ? 2 : 3) else { throw refusal("\(shape)") }
    return try rows.to(.float32)
  }
}
