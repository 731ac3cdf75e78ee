import Encoders
import Multimodal
import Records
import Torch

/// What a request shows of one modality.
enum AuditView: Hashable, Sendable {
  /// As it is.
  case own
  /// Declared not to be there.
  case absent
  /// Not there, and nobody says so: a black picture, an empty text, silence.
  case missing
  /// Under the source's impairment of that number.
  case impaired(Int)
  /// Some of its words or patches, as bits: the others are left out.
  case parts(UInt64)
}

/// The samples of an audit, and all that a model can be shown of them.
///
/// Rows count all samples that can be asked about, from 0. Used from several threads.
protocol AuditSource: Sendable {
  /// What the answer is called, where nobody says.
  var name: String { get }
  var modalities: [String] { get }
  var samples: AuditSamples { get }
  /// For each modality the names that its impairments have in the table: `noisy`, `blur`.
  var impairments: [[String]] { get }
  /// What a person should know about how the data was read, a sentence each.
  var notes: [String] { get }

  /// Adds what the request's line says of all modalities, behind its id: `,"image":"/data/a.png","text":"a cat"`.
  ///
  /// - Parameter shown: for each modality a row and what of it is shown.
  func write(_ shown: [AuditCell], into line: inout [UInt8]) throws

  /// Adds to a digest all that ``write(_:into:)`` depends on, in which no path matters.
  func identify(_ shown: [AuditCell], into bytes: inout [UInt8]) throws

  /// What a module is given of a modality for a batch.
  ///
  /// - Parameter input: how raw inputs become tensors; nil for features.
  func tensors(of modality: Int, _ shown: [AuditCell], as input: ModuleInput?) throws -> [Tensor]

  /// Says that a request was answered, so that what was made for it can go.
  func release(_ shown: [AuditCell])
}

/// A row and what is shown of it.
struct AuditCell: Hashable, Sendable {
  var row: Int32
  var view: AuditView

  /// Whether it shows some words or patches alone.
  var isOfParts: Bool { if case .parts = view { true } else { false } }
}

/// What is known of the samples of an audit.
struct AuditSamples: Sendable {
  var ids: [String]
  var classes: [String]
  /// Numbers of classes, one or several a sample; nil where nobody knows them.
  var labels: [[Int]]?
  var isMultiLabel: Bool
  /// Whom a sample belongs to; nil where no sample says.
  var groups: [String]?

  var count: Int { ids.count }

  /// Those of some rows alone.
  func rows(_ rows: [Int]) -> AuditSamples {
    var copy = self
    copy.ids = rows.map { ids[$0] }
    copy.labels = labels.map { labels in rows.map { labels[$0] } }
    copy.groups = groups.map { groups in rows.map { groups[$0] } }
    return copy
  }
}

/// JSON as it is written into lines of which there are many.
enum JSONBytes {
  /// Adds a text in quotes.
  static func append(_ text: String, to line: inout [UInt8]) {
    line.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { bytes in
      for byte in bytes {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
          line.append(UInt8(ascii: "\\"))
          line.append(byte)
        case 0..<0x20:
          line += Array("\\u00".utf8)
          line.append(digits[Int(byte >> 4)])
          line.append(digits[Int(byte & 15)])
        default: line.append(byte)
        }
      }
    }
    line.append(UInt8(ascii: "\""))
  }

  private static let digits = Array("0123456789abcdef".utf8)
}
