import Records
public import Torch
import TorchNN

/// What is predicted; the loss, the activation and the shape of the labels go together.
public enum PredictionTask: String, CaseIterable, Codable, Sendable {
  /// One of C classes: softmax and cross-entropy; labels [N] int64.
  case singleLabel = "single-label"
  /// One of two classes, the second being the positive one: as single-label.
  case binary
  /// Any of C labels: sigmoid and binary cross-entropy; labels [N, C].
  case multiLabel = "multi-label"
  /// One real number: squared error; labels [N], and one output, [B, 1], both standardized (``TargetScale``).
  case regression

  /// Whether what is predicted are classes, so that there are probabilities.
  public var hasClasses: Bool { self != .regression }

  /// The mean loss of logits [B, C] over samples, and over classes for several labels.
  ///
  /// Of a regression it is the squared error, which knows neither weights of classes nor a focus.
  ///
  /// - Parameter focus: γ of the focal loss −(1 − p)^γ log p, where p is what the truth is given (Lin et al., ICCV 2017,
  ///   eq. 4); 0 is cross-entropy.
  public func loss(
    _ logits: Tensor, _ labels: Tensor, classWeights: Tensor? = nil, focus: Double = 0
  ) throws(TorchError) -> Tensor {
    if focus > 0, hasClasses { return try focalLoss(logits, labels, classWeights, focus) }
    switch self {
    case .regression: return try losses(logits, labels).mean()
    case .singleLabel, .binary:
      return try logits.crossEntropy(labels, classWeights: classWeights)
    case .multiLabel:
      let targets = try labels.to(logits.elementType)
      guard let classWeights else { return try logits.binaryCrossEntropy(targets) }
      return try (logits.binaryCrossEntropy(targets, mean: false) * classWeights).mean()
    }
  }

  private func focalLoss(
    _ logits: Tensor, _ labels: Tensor, _ classWeights: Tensor?, _ focus: Double
  ) throws(TorchError) -> Tensor {
    // 1 − p by its logarithm, so that its power has a slope where p is 1.
    switch self {
    case .singleLabel, .binary:
      let truth = try labels.oneHot(logits.shape[1]).greater(than: 0)
      let missed = try logits.maskedFill(truth, -1e30).logSumExp(1) - logits.logSumExp(1)
      let losses = try (missed * focus).exp() * logits.crossEntropy(labels, mean: false)
      guard let weights = try classWeights?.indexed(0, by: labels) else { return try losses.mean() }
      return try (losses * weights).sum() / weights.sum()
    case .regression: return try losses(logits, labels).mean()
    case .multiLabel:
      let targets = try labels.to(logits.elementType)
      let missed = try (logits * (1 - targets * 2)).logSigmoid()
      let losses = try (missed * focus).exp() * logits.binaryCrossEntropy(targets, mean: false)
      return try (classWeights.map { (weights) throws(TorchError) in try losses * weights } ?? losses).mean()
    }
  }

  /// The loss of each sample, [B], times the weight of its class; with several labels, the mean over their weighted losses;
  /// of a regression the squared error.
  public func losses(
    _ logits: Tensor, _ labels: Tensor, classWeights: Tensor? = nil
  ) throws(TorchError) -> Tensor {
    switch self {
    case .singleLabel, .binary: return try logits.crossEntropy(labels, classWeights: classWeights, mean: false)
    case .regression:
      precondition(logits.shape == labels.shape + [1], "a regression has one output a sample")
      return try (logits.squeezed(1) - labels.to(logits.elementType)).square()
    case .multiLabel:
      let losses = try logits.binaryCrossEntropy(labels.to(logits.elementType), mean: false)
      return try (classWeights.map { (weights) throws(TorchError) in try losses * weights } ?? losses).mean(-1)
    }
  }

  /// The probability of each class, [B, C]; of a regression the outputs as they are, [B, 1].
  public func probabilities(_ logits: Tensor) throws(TorchError) -> Tensor {
    switch self {
    case .regression: logits
    case .singleLabel, .binary: try logits.softmax(-1)
    case .multiLabel: try logits.sigmoid()
    }
  }

  /// The prediction as logarithms of probabilities: [B, C], or [B, C, 2] (yes and no) for several labels.
  ///
  /// A regression has none.
  public func logProbabilities(_ logits: Tensor) throws(TorchError) -> Tensor {
    switch self {
    case .regression: preconditionFailure(Self.withoutClasses)
    case .singleLabel, .binary: try logits.logSoftmax(-1)
    case .multiLabel: try Tensor.stack([logits.logSigmoid(), (-logits).logSigmoid()], -1)
    }
  }

  /// The probability that is given to the truth, [B]; the mean over labels where there are several.
  ///
  /// A regression has none.
  public func trueProbability(_ logits: Tensor, _ labels: Tensor) throws(TorchError) -> Tensor {
    switch self {
    case .regression: preconditionFailure(Self.withoutClasses)
    case .singleLabel, .binary:
      return try logits.softmax(-1).gathered(1, by: labels.unsqueezed(1)).squeezed(1)
    case .multiLabel:
      let p = try logits.sigmoid()
      let y = try labels.to(logits.elementType)
      return try (y * p + (1 - y) * (1 - p)).mean(-1)
    }
  }

  private static let withoutClasses = "a regression has no classes, and so no probabilities"
}

extension PredictionTask {
  /// What is wrong with names that become files, parameters and lines on a terminal.
  package func faults(modalities: [String], classes: [String]) -> [String] {
    var faults: [String] = []
    if modalities.isEmpty { faults.append("no modality is named") }
    if Set(modalities).count < modalities.count { faults.append("a modality is named twice") }
    for name in modalities
    where name.isEmpty || name.utf8.count > 100 || name == "labels"
      || name.unicodeScalars.contains(where: { "./\\".unicodeScalars.contains($0) || $0.isHidden })
    {
      faults.append("'\(name.clipped(100))' cannot be a modality's name")
    }
    if self == .regression, !classes.isEmpty {
      faults.append("a regression has no classes, found \(classes.count)")
    }
    if classes.count < 2, self == .singleLabel || self == .binary {
      faults.append("\(classes.count) classes, at least two are needed")
    }
    if let name = classes.first(where: { $0.unicodeScalars.contains(where: \.isHidden) }) {
      faults.append("there is a control character in the class '\(name.escapedForTerminal.clipped(100))'")
    }
    if self == .binary, classes.count != 2 {
      faults.append("a binary task has two classes, found \(classes.count)")
    }
    return faults
  }
}
