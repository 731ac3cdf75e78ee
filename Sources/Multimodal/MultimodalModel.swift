public import Torch
public import TorchNN

/// Late fusion: an embedding layer per modality, a classifier over all, and a unimodal classifier on each.
///
///     eₘ = hₘ(φₘ(xₘ)),   z = f_T(fuse(e₁, …, e_M)),   zₘ = fₘ(eₘ)
///
/// where φₘ are `encoders` (where there is none, xₘ are features already), hₘ `embeddings`, f_T `fusion` and fₘ `heads`.
public final class MultimodalModel {
  public let modalities: [Modality]
  public let task: PredictionTask
  public let classes: Int
  public let store: ParameterStore
  public let embeddings: PerModality<Linear>
  public let heads: PerModality<Linear>
  public let fusion: any Fusion
  /// Those that are trained with the model.
  public let encoders: [Modality: any TrainedEncoder]
  private let networks: [Modality: any EncoderNetwork]

  /// A model whose parameters are made in `store`.
  ///
  /// - Parameters:
  ///   - inputWidths: Dₘ, the width of each modality's features; of one with an encoder, it is the encoder's.
  ///   - embeddingWidths: H, the width of each embedding.
  ///   - encoders: make features of the inputs of their modalities.
  ///   - fusion: makes the fusion in its scope from the embeddings' widths.
  public init(
    modalities: [Modality], inputWidths: [Int], embeddingWidths: [Int], classes: Int, task: PredictionTask,
    store: ParameterStore, encoders: [Modality: any TrainedEncoder] = [:],
    fusion: (Scope, [Int], Int) throws(TorchError) -> any Fusion = { scope, widths, classes throws(TorchError) in
      try Concatenation(scope, widths: widths, classes: classes)
    }
  ) throws(TorchError) {
    self.modalities = modalities
    self.task = task
    self.classes = classes
    self.store = store
    self.encoders = encoders
    var networks: [Modality: any EncoderNetwork] = [:]
    for modality in modalities {
      networks[modality] = try encoders[modality]?.makeNetwork(store.root / "encoder" / modality.name)
    }
    self.networks = networks
    for modality in encoders.keys { store.divide(modality.encoder) }
    let inputs = PerModality(modalities, zip(modalities, inputWidths).map { encoders[$0]?.width ?? $1 })
    let widths = PerModality(modalities, embeddingWidths)
    embeddings = try PerModality(modalities) { (modality) throws(TorchError) in
      try Linear(store.root / modality.name / "embedding", in: inputs[modality], out: widths[modality])
    }
    heads = try PerModality(modalities) { (modality) throws(TorchError) in
      try Linear(store.root / modality.name / "head", in: widths[modality], out: classes)
    }
    self.fusion = try fusion(store.root / "fusion", embeddingWidths, classes)
    _ = try store.flat()
  }

  /// The forward pass over inputs [B, Dₘ], or [B, …] where there is an encoder.
  ///
  /// Encoders take a batch's own statistics while a graph is recorded, and the running ones otherwise. Where several processes
  /// train the model (`store.group`), all give the same inputs; an encoder then takes a part of them in each while a graph is
  /// recorded, and what it makes of them is exchanged, so that all that comes after it sees every sample.
  ///
  /// - Parameters:
  ///   - statistics: told what the batch says of running means and variances.
  ///   - dropout: what encoders leave out; nil: nothing.
  ///   - held: modalities whose encoders answer as in prediction, with no gradient and no statistic.
  public func callAsFunction(
    _ inputs: PerModality<Tensor>, noting statistics: BatchStatistics? = nil, dropping dropout: EncoderDropout? = nil,
    holding held: Set<Modality> = []
  ) throws(TorchError) -> Outputs {
    let inputs = try PerModality(modalities) { (modality) throws(TorchError) in
      guard held.contains(modality) else {
        return try encoded(modality, inputs[modality], noting: statistics, dropping: dropout)
      }
      return try withoutGradients { () throws(TorchError) in try encoded(modality, inputs[modality]) }
    }
    return try outputs(
      of: embeddings.map { (modality, _) throws(TorchError) in try output(of: modality, inputs[modality]) })
  }

  /// eₘ of features [B, Dₘ] that no encoder makes, [B, H] each, with nothing behind the embedding layers.
  public func embedded(_ inputs: PerModality<Tensor>) throws(TorchError) -> PerModality<Tensor> {
    try embeddings.map { (modality, _) throws(TorchError) in try output(of: modality, inputs[modality]) }.numbers()
  }

  /// eₘ of one modality's features [B, Dₘ], [B, H].
  package func embedded(_ modality: Modality, _ inputs: Tensor) throws(TorchError) -> Tensor {
    try output(of: modality, inputs).tensor()
  }

  /// The output of an embedding layer: where a graph is recorded, one that it may end at.
  private func output(of modality: Modality, _ inputs: Tensor) throws(TorchError) -> LazyOutput {
    guard let graph = FactoredGraph.current else { return LazyOutput(try embeddings[modality](inputs)) }
    return try graph(embeddings[modality], inputs)
  }

  /// Inputs of a modality as features [B, Dₘ]; themselves where it has no encoder.
  ///
  /// An input of zeros (a black picture, no text) is not there: zeros stand for its features, and no statistic knows it.
  ///
  /// - Parameter others: weights in place of the model's own.
  package func encoded(
    _ modality: Modality, _ inputs: Tensor, noting statistics: BatchStatistics? = nil,
    dropping dropout: EncoderDropout? = nil, with others: ((Parameter) -> Tensor?)? = nil
  ) throws(TorchError) -> Tensor {
    guard let network = networks[modality], let width = encoders[modality]?.width else { return inputs }
    var own: (share: Double?, generator: Generator)?
    // A frozen encoder gives what it always gives.
    let trained = dropout == nil ? [] : store.indices(within: modality.encoder)
    if let dropout, Autograd.isRecording, trained.contains(where: { store.parameters[$0].tensor.requiresGradient }) {
      own = (dropout.share, try dropout.generator(modality))
    }
    func encode(_ inputs: Tensor) throws(TorchError) -> Tensor {
      let group = Autograd.isRecording ? store.group : nil
      let shared = SharedRows(group, inputs)
      let pass = ForwardPass(noting: statistics, dropping: own, shared: shared, with: others)
      guard let group else { return try encoded(inputs, network, pass) }
      return try exchanged(inputs, network, pass, group)
    }
    let count = inputs.shape[0]
    let largest: [Double] = try inputs.reshaped([count, -1]).max(1).array()
    let present = largest.indices.filter { largest[$0] != 0 }
    if present.count == count { return try encode(inputs) }
    let nothing = try Tensor.zeros([count, width], store.elementType, on: store.device)
    if present.isEmpty { return nothing }
    let index = try Tensor(present).to(on: store.device)
    return try nothing.indexAdded(0, index, encode(inputs.indexed(0, by: index)))
  }

  /// The features of all processes' rows, of which the own ones alone have a graph: gradients of an encoder's parameters then
  /// add up to those of the whole batch.
  private func exchanged(
    _ inputs: Tensor, _ network: any EncoderNetwork, _ pass: ForwardPass, _ group: ProcessGroup
  ) throws(TorchError) -> Tensor {
    guard let own = pass.shared?.own else {
      // Too few to share: each takes them all, and a part of their gradient.
      let whole = try network(inputs, pass)
      let share = try whole / Double(group.count)
      return try (share - share.detached()) + whole.detached()
    }
    let part = try network(inputs.narrowed(0, from: own.lowerBound, length: own.count), pass)
    let count = inputs.shape[0]
    let all = try group.gathered(part, of: count)
    return try Tensor.cat(
      [
        all.narrowed(0, from: 0, length: own.lowerBound), part,
        all.narrowed(0, from: own.upperBound, length: count - own.upperBound),
      ], 0)
  }

  /// How many inputs go through an encoder together where nothing is remembered for gradients.
  private static let portion = 64

  private func encoded(
    _ inputs: Tensor, _ network: any EncoderNetwork, _ pass: ForwardPass
  ) throws(TorchError) -> Tensor {
    let count = inputs.shape[0]
    if Autograd.isRecording || count <= Self.portion { return try network(inputs, pass) }
    var parts: [Tensor] = []
    for start in stride(from: 0, to: count, by: Self.portion) {
      parts.append(
        try network(inputs.narrowed(0, from: start, length: min(Self.portion, count - start)), pass))
    }
    return try .cat(parts, 0)
  }

  /// The part of the forward pass behind the embedding layers.
  public func outputs(ofFeatures features: PerModality<Tensor>) throws(TorchError) -> Outputs {
    let graph = FactoredGraph.current
    return try outputs(of: features.map { graph?.output(of: $1) ?? LazyOutput($1) })
  }

  private func outputs(of features: PerModality<LazyOutput>) throws(TorchError) -> Outputs {
    let graph = FactoredGraph.current
    return Outputs(embedded: features, logits: try logits(of: features, graph), model: self, graph: graph)
  }

  private func logits(of features: PerModality<LazyOutput>, _ graph: FactoredGraph?) throws(TorchError) -> Tensor {
    if let graph, let fusion = fusion as? any LinearFusion,
      let logits = try graph.reading([(fusion.classifier, features.values)], fusion.combination)
    {
      return logits[0]
    }
    return try fusion.logits(features.numbers())
  }

  /// The parameters that make a modality's feature: its embedding layer, and its encoder where that is trained.
  public func branch(_ modality: Modality) -> [Int] {
    store.indices(within: modality.encoder) + store.indices(within: modality.embedding)
  }

  /// The branches of all modalities.
  public var branches: [Int] { modalities.flatMap(branch).sorted() }
}

/// What a forward pass gives.
public struct Outputs {
  private let embedded: PerModality<LazyOutput>
  /// The fused logits z, [B, C].
  public let logits: Tensor
  public let model: MultimodalModel
  /// What the pass was recorded by; nil: gradients go through the whole graph.
  private let graph: FactoredGraph?

  init(embedded: PerModality<LazyOutput>, logits: Tensor, model: MultimodalModel, graph: FactoredGraph?) {
    self.embedded = embedded
    self.logits = logits
    self.model = model
    self.graph = graph
  }

  public var modalities: [Modality] { embedded.modalities }

  /// eₘ, [B, H] each; computed when they are first asked for, where the logits needed none.
  ///
  /// Throws where they are first asked for after the embedding layers have been trained on.
  public var features: PerModality<Tensor> {
    get throws(TorchError) { try embedded.numbers() }
  }

  /// The unimodal classifiers' logits zₘ, [B, C] each.
  public func unimodal() throws(TorchError) -> PerModality<Tensor> {
    let readings = embedded.map { (modality, feature) in (layer: model.heads[modality], features: [feature]) }
    if let logits = try graph?.reading(readings.values) { return PerModality(modalities, logits) }
    return try features.map { (modality, feature) throws(TorchError) in try model.heads[modality](feature) }
  }

  /// What each modality adds to the fused logits; nil where the fusion is no sum.
  public func contributions() throws(TorchError) -> PerModality<Tensor>? {
    if let graph, let fusion = model.fusion as? any LinearFusion,
      let parts = try graph.contributions(to: fusion.classifier, embedded.values, fusion.combination)
    {
      return PerModality(modalities, parts)
    }
    return try model.fusion.contributions(features)
  }
}

extension PerModality<LazyOutput> {
  /// The outputs' numbers.
  package func numbers() throws(TorchError) -> PerModality<Tensor> {
    PerModality<Tensor>(modalities, try LazyOutput.tensors(values))
  }
}
