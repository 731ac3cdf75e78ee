public import Torch
public import TorchNN

/// Late fusion: an embedding layer per modality, a classifier over all, and a unimodal classifier on each.
///
///     eₘ = hₘ(xₘ),   z = f_T(fuse(e₁, …, e_M)),   zₘ = fₘ(eₘ)
///
/// where hₘ are `embeddings`, f_T is `fusion` and fₘ are `heads`.
public final class MultimodalModel {
  public let modalities: [Modality]
  public let task: PredictionTask
  public let classes: Int
  public let store: ParameterStore
  public let embeddings: PerModality<Linear>
  public let heads: PerModality<Linear>
  public let fusion: any Fusion

  /// A model whose parameters are made in `store`.
  ///
  /// - Parameters:
  ///   - inputWidths: Dₘ, the width of each modality's features.
  ///   - embeddingWidths: H, the width of each embedding.
  ///   - fusion: makes the fusion in its scope from the embeddings' widths.
  public init(
    modalities: [Modality], inputWidths: [Int], embeddingWidths: [Int], classes: Int, task: PredictionTask,
    store: ParameterStore,
    fusion: (Scope, [Int], Int) throws(TorchError) -> any Fusion = { scope, widths, classes throws(TorchError) in
      try Concatenation(scope, widths: widths, classes: classes)
    }
  ) throws(TorchError) {
    self.modalities = modalities
    self.task = task
    self.classes = classes
    self.store = store
    let inputs = PerModality(modalities, inputWidths)
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

  /// The forward pass over inputs [B, Dₘ].
  ///
  /// - Parameter tape: remembers the embedding layers and classifiers, at whose outputs graphs then end (``LinearTape``).
  public func callAsFunction(
    _ inputs: PerModality<Tensor>, rememberedBy tape: LinearTape? = nil
  ) throws(TorchError) -> Outputs {
    guard let tape else {
      return try outputs(
        ofFeatures: embeddings.map { (modality, layer) throws(TorchError) in try layer(inputs[modality]) })
    }
    let features = PerModality(modalities, try tape(embeddings.values, modalities.map { inputs[$0] }))
    return try outputs(ofFeatures: features, rememberedBy: tape)
  }

  /// The part of the forward pass behind the embedding layers.
  public func outputs(
    ofFeatures features: PerModality<Tensor>, rememberedBy tape: LinearTape? = nil
  ) throws(TorchError) -> Outputs {
    let logits: Tensor
    if let tape {
      logits = try fusion.logits(features, rememberedBy: tape)
    } else {
      logits = try fusion.logits(features)
    }
    return Outputs(features: features, logits: logits, model: self, tape: tape)
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
  /// eₘ, [B, H] each.
  public let features: PerModality<Tensor>
  /// The fused logits z, [B, C].
  public let logits: Tensor
  public let model: MultimodalModel
  let tape: LinearTape?

  /// The unimodal classifiers' logits zₘ, [B, C] each.
  public func unimodal() throws(TorchError) -> PerModality<Tensor> {
    let readings = features.map { (modality, feature) in (layer: model.heads[modality], features: [feature]) }
    if let logits = try tape?.reading(readings.values) { return PerModality(features.modalities, logits) }
    return try features.map { (modality, feature) throws(TorchError) in try model.heads[modality](feature) }
  }

  /// What each modality adds to the fused logits; nil where the fusion is no sum.
  public func contributions() throws(TorchError) -> PerModality<Tensor>? {
    try model.fusion.contributions(features)
  }
}
