public import Torch

/// A prompt as it is read: its tokens, the rows of its pictures where they are known, and what it is contrasted with.
public struct PromptInput {
  public var sequence: TokenSequence
  /// Of each picture; nil: the model makes them.
  public var rows: [Tensor]?
  /// The same prompt with another picture or none, which ``ContrastiveDecoding`` needs; one or nothing.
  public var contrast: [PromptInput]

  public init(_ sequence: TokenSequence, rows: [Tensor]? = nil, contrast: [PromptInput] = []) {
    self.sequence = sequence
    self.rows = rows
    self.contrast = contrast
  }
}

/// What has been read of a prompt and of answers behind it.
public struct Reading {
  /// After each of the tokens read last, [B, L, vocabulary].
  public let logits: Tensor
  let caches: [KeyValueCache]
  /// What a method has found out while it read the prompt.
  var weight = 0.0

  /// The readings of some rows, of which one may be taken several times.
  public func selecting(rows: [Int]) throws -> Reading {
    Reading(
      logits: try logits.indexed(0, by: Tensor(rows).to(on: logits.device)),
      caches: try caches.map { try $0.selecting(rows: rows) }, weight: weight)
  }
}

/// How logits come about: as the model has them, or by a method that weighs modalities against each other as it decodes.
public protocol DecodingMethod {
  /// Reads a prompt; the logits are those after its last token, [1, 1, vocabulary].
  func read(_ input: PromptInput) throws -> Reading
  /// Reads tokens behind, as many rows of them as the reading has; shorter rows are filled up. What was read stays as it is.
  func proceed(_ reading: Reading, _ ids: [[Int]]) throws -> Reading
}

/// The model's own logits.
public struct OrdinaryDecoding: DecodingMethod {
  public let model: any LanguageModel
  public let view: AttentionView

  public init(_ model: any LanguageModel, view: AttentionView = AttentionView()) {
    self.model = model
    self.view = view
  }

  public func read(_ input: PromptInput) throws -> Reading {
    let cache = KeyValueCache()
    let output = try model.prefill(
      [input.sequence], rows: input.rows.map { [$0] }, view: view, cache: cache, observer: nil)
    return Reading(logits: try model.logits(of: output.last()).unsqueezed(1), caches: [cache])
  }

  public func proceed(_ reading: Reading, _ ids: [[Int]]) throws -> Reading {
    let cache = reading.caches[0].copy()
    let output = try model.step(ids, cache: cache)
    return Reading(logits: try model.logits(of: output.hidden), caches: [cache])
  }
}

extension DecodingMethod {
  /// How likely each label is after a prompt: one reading of the prompt, whose keys and values all labels share.
  ///
  /// - Parameter portion: labels that are read together.
  public func likelihood(
    of prompt: LabelledPrompt, rows: [Tensor]? = nil, contrast: [PromptInput] = [], portion: Int = 16
  ) throws -> LabelLikelihood {
    try withoutGradients {
      let reading = try read(PromptInput(prompt.prompt, rows: rows, contrast: contrast))
      let first: [Double] = try reading.logits.selected(1, 0).selected(0, 0).to(.float64).logSoftmax(0).array()
      var tokens = prompt.suffixes.map { [first[$0[0]]] }
      // What is of one token only is known already.
      let longer = prompt.suffixes.indices.filter { prompt.suffixes[$0].count > 1 }
      for start in stride(from: 0, to: longer.count, by: portion) {
        let classes = Array(longer[start..<min(start + portion, longer.count)])
        let ids = classes.map { Array(prompt.suffixes[$0].dropLast()) }
        let next = try proceed(reading.selecting(rows: classes.map { _ in 0 }), ids)
        let logs = try next.logits.to(.float64).logSoftmax(2)
        let width = ids.map(\.count).max() ?? 0
        let wanted = classes.flatMap { label in
          let own = Array(prompt.suffixes[label].dropFirst())
          return own + Array(repeating: 0, count: width - own.count)
        }
        let index = try Tensor(wanted, shape: [classes.count, width, 1]).to(on: logs.device)
        let values: [Double] = try logs.gathered(2, by: index).array()
        for (row, label) in classes.enumerated() {
          tokens[label] += values[(row * width)..<(row * width + ids[row].count)]
        }
      }
      return LabelLikelihood(tokens: tokens, bytes: prompt.bytes)
    }
  }
}
