public import Torch

/// What a model looks at, and what its answer moves with, by what tokens are there for.
///
/// Neither is a contribution: first tokens draw attention whatever they say, and so both are only shown beside
/// ``MaskedShapley``.
public struct RoleMass: Sendable, Equatable {
  /// By role, a layer each: the mean over heads of the attention that the last prompt token pays.
  public var attention: [TokenRole: [Double]]
  /// By role its share of the prompt's tokens.
  public var tokens: [TokenRole: Double]
  /// By role Σ ‖∂s/∂x‖ over the embeddings x at the decoder's input; s: log p of the label.
  public var gradient: [TokenRole: Double]
  /// By role Σ ⟨∂s/∂x, x⟩.
  public var product: [TokenRole: Double]

  /// Attention over the share of tokens: 1 is what a token draws on average.
  public func lift(_ role: TokenRole) -> [Double] {
    guard let share = tokens[role], share > 0 else { return [] }
    return (attention[role] ?? []).map { $0 / share }
  }
}

extension LanguageModel {
  /// log p of tokens behind a prompt, in one pass without a cache; gradients are recorded unless the caller says otherwise.
  ///
  /// - Parameter embeddings: of prompt and answer, [1, L, width].
  private func likelihood(
    _ whole: TokenSequence, answer: [Int], embeddings: Tensor, view: AttentionView, observer: PassObserver? = nil
  ) throws -> Tensor {
    try likelihood(
      of: answer, prefill([whole], embeddings: embeddings, view: view, cache: nil, observer: observer))
  }

  /// log p of the tokens that were read last; of BLIP a question is not among what its decoder reads.
  private func likelihood(of answer: [Int], _ output: DecoderOutput) throws -> Tensor {
    let first = output.lengths[0] - answer.count - 1
    let rows = try logits(of: output.hidden.selected(0, 0).narrowed(0, from: first, length: answer.count))
    return try rows.logSoftmax(1).gathered(1, by: Tensor(answer, shape: [answer.count, 1]).to(on: rows.device)).sum()
  }

  private func whole(_ prompt: TokenSequence, _ answer: [Int]) throws -> TokenSequence {
    try sequence(
      prompt.ids + answer, roles: prompt.roles + answer.map { _ in .answer }, pictures: prompt.pictures)
  }

  /// Attention and gradient by role, of a prompt and one label.
  ///
  /// - Throws: a ``LanguageModelError`` of BLIP, whose decoder sees pictures and questions beside the text.
  public func roleMass(_ prompt: TokenSequence, answer: [Int], rows: [Tensor]? = nil) throws -> RoleMass {
    guard decoder != nil else {
      throw LanguageModelError.sequence(
        "pictures and questions of '\(family)' are no tokens that its decoder attends to")
    }
    let whole = try whole(prompt, answer)
    let roles = TokenRole.allCases.filter { prompt.roles.contains($0) }
    var attention: [TokenRole: [Double]] = [:]
    let observer = PassObserver(attention: { _, weights in
      // [1, heads, L, L]: the row of the prompt's last token.
      let last = try weights.selected(0, 0).selected(1, prompt.count - 1).detached().to(.float64).mean(0)
      let own: [Double] = try last.array()
      for role in roles { attention[role, default: []].append(prompt.indices(of: [role]).reduce(0) { $0 + own[$1] }) }
    })
    let embeddings = try withoutGradients { try embed([whole], rows: rows.map { [$0] }) }.detached().requiringGradient()
    let score = try likelihood(whole, answer: answer, embeddings: embeddings, view: AttentionView(), observer: observer)
    guard let gradient = try gradients(of: score, withRespectTo: [embeddings])[0] else {
      throw LanguageModelError.sequence("the likelihood does not depend on the prompt")
    }
    let exact = try gradient.selected(0, 0).to(.float64)
    let norms: [Double] = try exact.square().sum(1).squareRoot().array()
    let products: [Double] = try (exact * embeddings.detached().selected(0, 0).to(.float64)).sum(1).array()
    func sums(_ values: [Double]) -> [TokenRole: Double] {
      Dictionary(
        uniqueKeysWithValues: roles.map { role in
          (role, prompt.indices(of: [role]).reduce(0) { $0 + values[$1] })
        })
    }
    return RoleMass(
      attention: attention,
      tokens: sums(prompt.ids.map { _ in 1 / Double(prompt.count) }), gradient: sums(norms), product: sums(products))
  }

  /// What picture and sample text are worth to log p of a label, by hiding them from all other tokens.
  public func maskedShapley(_ prompt: TokenSequence, answer: [Int], rows: [Tensor]? = nil) throws -> MaskedShapley {
    try withoutGradients {
      let whole = try whole(prompt, answer)
      let rows = try rows ?? whole.pictures.map(self.rows(of:))
      func worth(_ hidden: Set<TokenRole>) throws -> Double {
        let view = AttentionView(hidden: hidden)
        return try likelihood(
          of: answer, prefill([whole], rows: [rows], view: view, cache: nil, observer: nil)
        ).scalar()
      }
      return MaskedShapley(
        both: try worth([]), image: try worth([.sampleText]), text: try worth([.image]),
        none: try worth([.image, .sampleText]))
    }
  }

  /// log p of a label where one role's tokens are not seen by others in a window of layers, window by window.
  ///
  /// - Parameter width: layers of a window; nil: a sixth of all, at least one.
  public func knockout(
    _ prompt: TokenSequence, answer: [Int], keys: Set<TokenRole>, queries: AttentionView.Knockout.Queries,
    width: Int? = nil, rows: [Tensor]? = nil
  ) throws -> [Double] {
    let width = width ?? max(1, Int((Double(layerCount) / 6).rounded()))
    let labelled = LabelledPrompt(prompt: prompt, suffixes: [answer], bytes: [1])
    return try (0...max(layerCount - width, 0)).map { first in
      let cut = AttentionView.Knockout(keys: keys, queries: queries, layers: first..<first + width)
      return try OrdinaryDecoding(self, view: AttentionView(knockouts: [cut])).likelihood(of: labelled, rows: rows)
        .sums[0]
    }
  }
}
