public import Foundation
public import Multimodal
public import Records
import Reports

/// An audit as it is asked for.
public struct AuditRequest: Sendable {
  /// Who is asked.
  public enum Door: Sendable, Equatable {
    /// A file of predictions, which has the answers already.
    case file
    /// A command line that answers requests; nil where the other end of standard input and output does.
    case program(String?)
    /// A TorchScript module, or a package that AOTInductor compiled (`.pt2`).
    case module(ModuleRequest)
    /// A server that takes chat requests.
    case endpoint(EndpointRequest)
  }

  /// A model behind a server.
  public struct EndpointRequest: Sendable, Equatable {
    /// `http://localhost:8000/v1`.
    public var address: String
    public var model: String
    /// A file with the prompt, in which `{text}` and `{classes}` stand for those.
    public var prompt: URL

    public init(address: String, model: String, prompt: URL) {
      self.address = address
      self.model = model
      self.prompt = prompt
    }
  }

  /// A module in a file and how it is used.
  public struct ModuleRequest: Sendable, Equatable {
    public var file: URL
    /// `image=pixels:224`, `text=tokens:FOLDER`, in the order of its arguments; empty gives features as they are.
    public var inputs: [String] = []
    /// `logits` or `probabilities`.
    public var output = "logits"
    /// Samples at a time.
    public var batch = 32

    public init(file: URL) { self.file = file }
  }

  /// A file of predictions, or the data that a model is asked about.
  public var subject: URL
  public var door = Door.file
  /// Where the table, the answers and `audit.json` lie.
  public var out: URL
  /// Names the state of the model, such as a version: answers are taken again only for the same.
  public var stamp: String?
  /// `train`, `validation` or `test`.
  public var split = "test"
  /// How many samples at most, drawn by the seed; 0 takes all.
  public var samples = 0
  /// Permutations of each modality; half as many again keep the class.
  public var swaps = 10
  /// Rows of which each modality is paired with each other's, of more than two with draws of the others; 0 leaves that out.
  public var grid = 100
  /// Telling samples at most whose words and patches are left out one after the other; 0 takes none apart.
  public var parts = 4
  /// Besides noise: `blur=5,typos=0.2`.
  public var impairments = ""
  /// The classes in the model's order; empty takes the data's.
  public var classes: [String] = []
  /// Processes at a time.
  public var jobs = 1
  /// Requests that wait for an answer, of each process.
  public var window = 256
  /// Seconds without an answer after which a program is taken to hang.
  public var timeout = 300.0
  public var followLinks = false
  /// Of a raw data set in a published layout.
  public var layout: String?
  public var variant: String?
  /// What scores are by; nil takes accuracy, of several labels a sample macro-F1.
  public var metric: String?
  public var seed: UInt64 = 0
  /// Whether labels are needed; without them shares, divergence and reliance can still be told.
  public var unlabelled = false
  /// Also trains a model of each modality alone on the training split, which tells what the data hold.
  public var alone = false
  /// Checkpoint folders that those models read raw inputs with, by what they read; else the encoders that come with Seesaw.
  public var usualEncoders: [RawInput.Kind: URL] = [:]
  /// Forgets what was answered before.
  public var again = false
  /// Waits for whoever is at work in the folder, instead of refusing.
  public var wait = false
  /// Of the bootstrap behind every interval.
  public var replicates: Int?

  public init(subject: URL, out: URL) {
    self.subject = subject
    self.out = out
  }
}

/// What an audit found, and the table behind it.
public struct AuditSummary: Sendable {
  public var record: AuditRecord
  /// The file of the table, in the audit's folder.
  public var table: URL
  /// Bits of every sample, as JSON lines; nil where they cannot be told.
  public var samples: URL?
  /// Requests that were answered now, and before.
  public var asked: Int
  public var known: Int

  init(record: AuditRecord, table: URL, samples: URL?, asked: Int, known: Int) {
    (self.record, self.table, self.samples, self.asked, self.known) = (record, table, samples, asked, known)
    self.record.words = AuditText(record).words
  }
}
