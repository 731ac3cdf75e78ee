/// A test sample that shows what a model leans on.
public struct TellingSample: Codable, Equatable, Sendable {
  /// Why it is shown.
  public enum Kind: String, SettingChoice {
    /// Right with everything there, wrong without ``TellingSample/modality``.
    case removalFlips = "removal-flips"
    /// The modalities, each alone, say different things.
    case disagreement
    /// Wrong with everything there, although ``TellingSample/modality``, the weak one, is right alone.
    case weakAloneRight = "weak-alone-right"
  }

  /// A prediction and how sure it is.
  public struct Answer: Codable, Equatable, Sendable {
    /// The predicted class; of several labels all above one half, which may be none.
    public var labels: [String]
    /// Of what was predicted; of several labels the mean probability of each label's yes or no.
    public var probability: Double
    /// Given to the truth.
    public var truth: Double
    public var isRight: Bool

    public init(labels: [String], probability: Double, truth: Double, isRight: Bool) {
      self.labels = labels
      self.probability = probability
      self.truth = truth
      self.isRight = isRight
    }
  }

  /// What each part of a picture and a text speaks for: Shapley values of the probability of the answer.
  public struct Parts: Codable, Equatable, Sendable {
    public struct Word: Codable, Equatable, Sendable {
      /// A word, or several that lie side by side in a long text.
      public var text: String
      public var value: Double

      public init(text: String, value: Double) {
        self.text = text
        self.value = value
      }
    }

    /// The class that the values are of: what is predicted with everything there.
    public var answer: String
    public var words: [Word]
    /// Patches along each side of the picture.
    public var grid: Int
    /// By rows from the top.
    public var patches: [Double]
    /// By modality, of the sum of all sizes.
    public var shares: [String: Double]
    /// The standard error of the shares.
    public var error: Double
    /// Random orders and their reverses that were walked.
    public var pairs: Int

    public init(
      answer: String, words: [Word], grid: Int, patches: [Double], shares: [String: Double], error: Double, pairs: Int
    ) {
      self.answer = answer
      self.words = words
      self.grid = grid
      self.patches = patches
      self.shares = shares
      self.error = error
      self.pairs = pairs
    }
  }

  public var kind: Kind
  /// The removed modality, or the weak one; `nil` for a disagreement.
  public var modality: String?
  /// In the test split, from 0.
  public var row: Int
  /// Where the raw data is known.
  public var id: String?
  /// The names of its classes.
  public var truth: [String]
  /// By condition.
  public var answers: [String: Answer]
  /// Each modality's own answer, as ``RunEvidence/alone`` says.
  public var alone: [String: Answer]
  /// How far the answer with everything there rests on each modality; `nil` of methods that do not tell.
  public var reliance: [String: Double]?
  /// The picture's path relative to ``RunEvidence/raw``; `nil` where there is none or it is not known.
  public var image: String?
  public var text: String?
  /// Where picture and text were at hand, and the encoders quick.
  public var parts: Parts?

  public init(
    kind: Kind, modality: String? = nil, row: Int, id: String? = nil, truth: [String], answers: [String: Answer],
    alone: [String: Answer], image: String? = nil, text: String? = nil,
    parts: Parts? = nil
  ) {
    self.parts = parts
    self.kind = kind
    self.modality = modality
    self.row = row
    self.id = id
    self.truth = truth
    self.answers = answers
    self.alone = alone
    self.image = image
    self.text = text
  }
}
