public import Foundation

/// What a command ends with.
public enum ExitStatus: Int32, Sendable, Codable, CaseIterable {
  /// The work is done.
  case done = 0
  /// The work was understood and failed: it diverged, ran out of memory, or a check found something wrong.
  case failed = 1
  /// Measured, and a bound that was asked for is met (`audit --fail-on`).
  case unmet = 2
  /// The command line or the configuration is wrong.
  case usage = 64
  /// Data, weights or a run are not there, or cannot be read.
  case input = 66
  /// A defect of Seesaw's own.
  case defect = 70
  /// Told to end by SIGTERM or SIGUSR1, as schedulers do, with a checkpoint left behind: try again later (EX_TEMPFAIL).
  case preempted = 75
  /// Stopped from outside, with a checkpoint left behind.
  case interrupted = 130
}

/// An error that can say itself to a person.
public protocol Diagnosable: Error {
  /// The sentence, its place, and what to do.
  var diagnosis: Diagnosis { get }
}

/// The one error that people read: what is wrong, where, what was found and what to do.
///
/// Each part is lower case, has no full stop and quotes names as the user would type them.
public struct Diagnosis: Error, Equatable, Sendable {
  /// What is wrong, in one line.
  public var what: String
  /// A file, a setting or a run; shown after `in:`.
  public var place: String?
  /// Lines of evidence.
  public var found: [String]
  /// What would help; may have several lines.
  public var remedy: String?
  /// What the command ends with.
  public var exitStatus: ExitStatus

  /// A diagnosis; only `what` and the status are always there.
  public init(
    _ what: String, place: String? = nil, found: [String] = [], remedy: String? = nil, exitStatus: ExitStatus = .failed
  ) {
    self.what = what.clipped()
    self.place = place?.clipped()
    self.found = found.map { $0.clipped() }
    self.remedy = remedy?.clipped()
    self.exitStatus = exitStatus
  }

  /// The diagnosis with a place, where it has none of its own.
  public func placed(in place: String) -> Diagnosis {
    var copy = self
    copy.place = copy.place ?? place
    return copy
  }
}

extension Diagnosis: Diagnosable, LocalizedError, CustomStringConvertible {
  public var diagnosis: Diagnosis { self }

  /// The text for a terminal: `error: …`, then indented lines; no newline at the end.
  public var description: String {
    var lines = ["error: \(what)"]
    if let place { lines.append("  in: \(place)") }
    lines += found.flatMap(Self.lines(of:)).map { "  \($0)" }
    if let remedy { lines += Self.lines(of: remedy).map { "  \($0)" } }
    return lines.joined(separator: "\n")
  }

  public var errorDescription: String? { what }

  private static func lines(of text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }
}

extension Diagnosis {
  /// The diagnosis of any error.
  ///
  /// Errors of the file system become sentences; an error nobody translated is a defect of ours and says so.
  public init(describing error: any Error) {
    if let known = error as? any Diagnosable {
      self = known.diagnosis
    } else if error is CancellationError {
      self = Diagnosis("stopped before the end", exitStatus: .interrupted)
    } else if let decoding = error as? DecodingError {
      self = Diagnosis(decoding: decoding)
    } else if let encoding = error as? EncodingError {
      self = Diagnosis(encoding: encoding)
    } else if let file = Diagnosis(file: error) {
      self = file
    } else {
      self = Diagnosis(
        "something went wrong that nobody foresaw", found: ["\(error)"],
        remedy: "please report this, with the command that led to it", exitStatus: .defect)
    }
  }

  private init(decoding error: DecodingError) {
    switch error {
    case .keyNotFound(let key, let context):
      let name = Self.path(context.codingPath + [key])
      self = Diagnosis("'\(name)' is missing", exitStatus: .usage)
    case .valueNotFound(_, let context):
      self = Diagnosis("'\(Self.path(context.codingPath))' has no value", exitStatus: .usage)
    case .typeMismatch(_, let context), .dataCorrupted(let context):
      let known = (context.underlyingError as? any Diagnosable)?.diagnosis
      self = known ?? Diagnosis(Self.phrase(context.debugDescription), exitStatus: .usage)
      let name = Self.path(context.codingPath)
      if !name.isEmpty { self = placed(in: name) }
    @unknown default:
      self = Diagnosis("what was read does not have the expected form", found: ["\(error)"], exitStatus: .usage)
    }
  }

  private init(encoding error: EncodingError) {
    switch error {
    case .invalidValue(_, let context):
      self = Diagnosis(context.debugDescription, exitStatus: .defect)
      let name = Self.path(context.codingPath)
      if !name.isEmpty { place = name }
    @unknown default:
      self = Diagnosis("a value cannot be written", found: ["\(error)"], exitStatus: .defect)
    }
  }

  /// Foundation's sentences in our form: no capital, no full stop.
  private static func phrase(_ sentence: String) -> String {
    let text = sentence.hasSuffix(".") ? sentence.dropLast() : sentence[...]
    return text.prefix(1).lowercased() + text.dropFirst()
  }

  private static func path(_ keys: [any CodingKey]) -> String {
    keys.map { key in key.intValue.map { "\($0)" } ?? key.stringValue }.joined(separator: ".")
  }

  /// A file-system error as a sentence; `nil` where it is none.
  private init?(file error: any Error) {
    var codes: Set<Int32> = []
    var cocoa: CocoaError.Code?
    var path: String?
    // The number that the kernel gave lies under one or two wrappings, differently on Linux and macOS.
    var next: (any Error)? = error
    var depth = 0
    while let current = next, depth < 8 {
      if let posix = current as? POSIXError { codes.insert(posix.code.rawValue) }
      let bridged = current as NSError
      if bridged.domain == NSPOSIXErrorDomain { codes.insert(Int32(truncatingIfNeeded: bridged.code)) }
      if bridged.domain == NSCocoaErrorDomain, cocoa == nil { cocoa = CocoaError.Code(rawValue: bridged.code) }
      if path == nil { path = bridged.userInfo[NSFilePathErrorKey] as? String }
      if path == nil { path = (bridged.userInfo[NSURLErrorKey] as? URL)?.path }
      next = bridged.userInfo[NSUnderlyingErrorKey] as? any Error
      depth += 1
    }
    guard let trouble = codes.compactMap(FileTrouble.init(posix:)).first ?? cocoa.flatMap(FileTrouble.init(cocoa:))
    else { return nil }
    self = trouble.diagnosis(path: path)
  }
}

/// The ways a file can refuse.
package enum FileTrouble: Equatable, Sendable {
  case missing, noPermission, diskFull, readOnly, exists, isFolder, notFolder, tooManyOpen, unreadableText, inputOutput

  package init?(posix code: Int32) {
    switch code {
    case ENOENT: self = .missing
    case EACCES, EPERM: self = .noPermission
    case ENOSPC, EDQUOT, EFBIG: self = .diskFull
    case EROFS: self = .readOnly
    case EEXIST, ENOTEMPTY: self = .exists
    case EISDIR: self = .isFolder
    case ENOTDIR: self = .notFolder
    case EMFILE, ENFILE: self = .tooManyOpen
    case EIO: self = .inputOutput
    default: return nil
    }
  }

  init?(cocoa code: CocoaError.Code) {
    switch code {
    case .fileNoSuchFile, .fileReadNoSuchFile: self = .missing
    case .fileReadNoPermission, .fileWriteNoPermission: self = .noPermission
    case .fileWriteOutOfSpace: self = .diskFull
    case .fileWriteVolumeReadOnly: self = .readOnly
    case .fileWriteFileExists: self = .exists
    case .fileReadInapplicableStringEncoding, .fileReadUnknownStringEncoding: self = .unreadableText
    case .fileReadCorruptFile, .fileReadUnknown, .fileWriteUnknown: self = .inputOutput
    default: return nil
    }
  }

  package func diagnosis(path: String?) -> Diagnosis {
    switch self {
    case .missing: Diagnosis("no such file or folder", place: path, exitStatus: .input)
    case .noPermission:
      Diagnosis("no permission to read or write here", place: path, remedy: "check who owns it", exitStatus: .input)
    case .diskFull: Diagnosis("the disk is full", place: path, remedy: "free some space and try again")
    case .readOnly:
      Diagnosis("the disk is read-only", place: path, remedy: "choose another folder", exitStatus: .input)
    case .exists: Diagnosis("something of that name is there already", place: path, exitStatus: .input)
    case .isFolder: Diagnosis("a folder where a file was expected", place: path, exitStatus: .input)
    case .notFolder: Diagnosis("a file where a folder was expected", place: path, exitStatus: .input)
    case .tooManyOpen:
      Diagnosis("too many files are open", place: path, remedy: "raise the limit with ulimit -n")
    case .unreadableText: Diagnosis("the file is not UTF-8 text", place: path, exitStatus: .input)
    case .inputOutput: Diagnosis("the file cannot be read or written", place: path, exitStatus: .input)
    }
  }
}

/// The candidate most like `name`, ignoring case, `-` and `_`; `nil` where none is near enough to be meant.
///
/// Near enough is a third of the longer spelling, and at least two edits (a swap of neighbours counts as one).
public func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
  // Nobody mistypes a name as long as this; comparing takes time with the product of the lengths.
  guard name.utf8.count <= 200 else { return nil }
  let wanted = name.tolerantKey
  var best: (name: String, distance: Int)?
  for candidate in candidates where candidate.utf8.count <= 200 {
    let other = candidate.tolerantKey
    let length = max(wanted.count, other.count)
    guard abs(wanted.count - other.count) <= max(2, length / 3) else { continue }
    let distance = editDistance(wanted, other)
    guard distance < length, distance <= max(2, length / 3) else { continue }
    if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
  }
  return best?.name
}

/// The least number of insertions, deletions, replacements and swaps of neighbours that turn one text into the other.
package func editDistance(_ a: String, _ b: String) -> Int {
  let a = Array(a)
  let b = Array(b)
  var beforeLast = [Int](repeating: 0, count: b.count + 1)
  var last = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1]
    row.reserveCapacity(b.count + 1)
    for j in 0..<b.count {
      var cost = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
      row.append(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.count]
}

extension String {
  /// The spelling under which keys and choices are compared: lower case, without `-` and `_`.
  package var tolerantKey: String { lowercased().filter { $0 != "-" && $0 != "_" } }
}
