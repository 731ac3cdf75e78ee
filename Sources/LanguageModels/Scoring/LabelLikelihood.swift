import Foundation
public import Records

/// How a label's likelihood becomes a class's score.
public enum LabelScore: String, SettingChoice {
  /// Σ log p of the label's tokens.
  case sum
  /// The mean over its tokens.
  case mean
  /// The sum over its length in UTF-8.
  case byte
  /// The sum, less what it is without picture and text: what they say for the label.
  case pmi
  /// log p of its first token, where all labels differ in it.
  case firstToken = "first-token"
}

/// How likely a model finds each class's label after a prompt.
public struct LabelLikelihood: Sendable, Equatable {
  /// log p of each token, of each class.
  public let tokens: [[Double]]
  /// Of each class the length of its label in UTF-8.
  public let bytes: [Int]

  public init(tokens: [[Double]], bytes: [Int]) {
    self.tokens = tokens
    self.bytes = bytes
  }

  /// Σ log p of each class.
  public var sums: [Double] { tokens.map { $0.reduce(0, +) } }

  /// The scores of all classes.
  ///
  /// - Parameter null: the likelihoods without picture and text, which ``LabelScore/pmi`` needs.
  public func scores(_ form: LabelScore, null: LabelLikelihood? = nil) -> [Double] {
    switch form {
    case .sum: sums
    case .mean: zip(sums, tokens).map { $0 / Double($1.count) }
    case .byte: zip(sums, bytes).map { $0 / Double(max($1, 1)) }
    case .pmi: zip(sums, null?.sums ?? sums.map { _ in 0 }).map { $0 - $1 }
    case .firstToken: tokens.map { $0.first ?? -.infinity }
    }
  }

  /// softmax over the classes.
  public static func probabilities(_ scores: [Double]) -> [Double] {
    let largest = scores.max() ?? 0
    let powers = scores.map { exp($0 - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  /// The class of the largest score; of equal ones the first.
  public static func prediction(_ scores: [Double]) -> Int {
    scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
  }

  /// How often each class is predicted, of many samples' scores: the share of the most predicted one.
  public static func largestShare(_ predictions: [Int]) -> Double {
    let counts = Dictionary(predictions.map { ($0, 1) }, uniquingKeysWith: +)
    return Double(counts.values.max() ?? 0) / Double(max(predictions.count, 1))
  }

  /// The form with the highest accuracy on samples whose labels are known; of equal ones the first that is named.
  public static func best(
    of forms: [LabelScore], _ samples: [(likelihood: LabelLikelihood, label: Int)], null: LabelLikelihood?
  ) -> (form: LabelScore, accuracies: [Double]) {
    let accuracies = forms.map { form in
      let right = samples.count { Self.prediction($0.likelihood.scores(form, null: null)) == $0.label }
      return Double(right) / Double(max(samples.count, 1))
    }
    let best = accuracies.indices.reduce(0) { accuracies[$1] > accuracies[$0] ? $1 : $0 }
    return (forms[best], accuracies)
  }
}
