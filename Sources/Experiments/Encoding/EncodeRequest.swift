public import Encoders
public import Foundation
public import Multimodal
import Records

/// Raw data to be encoded, as asked for.
public struct EncodeRequest: Sendable {
  /// A folder with samples.csv or samples.jsonl, or such a file, or a folder in a published layout.
  public var raw: URL
  public var out: URL
  /// Encoders by modality: a name, or the path of a checkpoint folder; nil takes the built-in one.
  public var imageEncoder: String?
  public var textEncoder: String?
  public var audioEncoder: String?
  /// Checkpoint folders to take where no encoder is named.
  public var usualEncoders: [RawInput.Kind: URL] = [:]
  /// How a checkpoint's rows become one; nil takes what it says itself.
  public var imagePooling: Pooling?
  public var textPooling: Pooling?
  /// Of a module's rows.
  public var audioPooling: Pooling?
  /// What checkpoints compute in.
  public var precision = EncoderPrecision.float32
  /// Whether rows of checkpoints are stretched to a root mean square of 1.
  public var rescale = false
  /// Encodes the training pictures also with left and right exchanged, for `training.flip`.
  public var flip = false
  /// What the test split is encoded under besides missing and noisy: `blur=5,typos=0.2`, as `ChosenImpairment` reads it.
  public var impairments = ""
  /// Which views of the training split are encoded; of the validation split all conditions are, unless it is none.
  public var views = EncodeViews.usual
  /// How many draws there are of each training view.
  public var viewDraws = 1
  /// Encodes only a part of the samples, for one of several machines; a call without then puts all together.
  public var shard: EncodeShard?
  /// Encodes one shard of so many after another, as long as there is one that no other process has.
  public var nextShardOf: Int?
  /// Puts finished shards together, and reads no input again.
  public var joins = false
  /// Copies rows where shards are joined, in place of referring to them.
  public var copies = false
  /// Where rows are kept, so that none is encoded twice; nil is `<out>.cache`.
  public var cache: URL?
  /// `key=value` over `EncodeSettings`.
  public var settings: [String] = []
  /// Refuses where a sample would be quarantined.
  public var strict = false
  /// Takes pictures also where a symbolic link leads out of the folder.
  public var followLinks = false
  /// The published layout of the folder, and which of its ways to read it; nil finds out, and takes the first.
  public var layout: String?
  public var variant: String?
  /// How a table of samples is read.
  public var table = TableRequest()
  /// Goes on where more is left out than ``Datasets/LossLimit`` admits.
  public var allowLoss = false
  public var metric: String?
  public var name: String?
  /// Encodes anew although the same is there.
  public var again = false
  /// Replaces features that were made otherwise of the same raw data, as by an older version.
  public var renews = false
  /// Waits for whoever is at work on the folder, instead of refusing.
  public var wait = false

  public init(raw: URL, out: URL) {
    self.raw = raw
    self.out = out
  }
}

/// What encoding left behind.
public struct EncodeSummary: Sendable, Codable {
  public var folder: String
  public var alreadyDone: Bool
  public var counts: [String: Int]
  public var widths: [String: Int]
  /// What a sample is, in words (`64 × 64 pixels`), of the modalities that are no features; nil where all are.
  public var forms: [String: String]?
  public var conditions: [String]
  /// The impairments that training views are there under, by modality; nil where there are none.
  public var views: [String: [String]]?
  /// Samples left out, each with its row and reason; also in quarantine.jsonl.
  public var quarantined: Int
  public var notes: [String]
  public var seconds: Double
  /// Of all views; nil where nothing was to be encoded.
  public var rows: Rows?
  /// The folder that keeps rows.
  public var cache: String?
  /// `2/8`, or `5 of 40` where shards were taken by turns; nil where the whole was made.
  public var shard: String?

  /// How many rows were known already, and how many were encoded.
  public struct Rows: Sendable, Codable, Equatable {
    public var known: Int
    public var encoded: Int
  }
}

extension EncodeSummary {
  /// What is no features, in words; nil where all are.
  static func forms(_ forms: some Sequence<(String, InputForm)>) -> [String: String]? {
    let words = Dictionary(uniqueKeysWithValues: forms.filter { $1.needsEncoder }.map { ($0, $1.words) })
    return words.isEmpty ? nil : words
  }
}
