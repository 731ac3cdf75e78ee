public import Foundation
import Records

/// A `.npy` file, with one array, or a `.npz` archive of several.
///
/// The file is told by its first bytes and mapped into memory; what is packed is unpacked when it is asked for.
public struct NumPyFile: Sendable {
  /// The path it was read from.
  public let path: String
  /// The arrays in file order; the one of a `.npy` file is called as the file.
  public let names: [String]

  private enum Content: Sendable {
    case single(Data)
    case archive(NumPyArchive)
  }

  private let content: Content
  private let limit: Int

  /// Opens a file and, for an archive, reads its list.
  ///
  /// - Parameter limit: bytes that may be unpacked at once; half of the machine's memory where nil.
  /// - Throws: ``NumPyError``, or a `Diagnosis` where the file cannot be opened.
  public init(at url: URL, limit: Int? = nil) throws {
    try Self.requireRegular(url)
    let data = try Diagnosis.placing(url) { try Data(contentsOf: url, options: .mappedIfSafe) }
    try self.init(data, path: url.relativePath, limit: limit)
  }

  /// The same of a file's bytes; `path` only gives names.
  package init(_ data: Data, path: String, limit: Int? = nil) throws {
    self.path = path
    self.limit = limit ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 2)
    let start = [UInt8](data.prefix(NumPyHeader.magic.count))
    if start == NumPyHeader.magic {
      content = .single(data)
      let name = URL(filePath: path).deletingPathExtension().lastPathComponent
      names = [name]
      // What can never be read is told before anybody asks for it.
      do { _ = try NumPyHeader(data) } catch { throw NumPyError(path, array: name, error.problem) }
    } else if start.starts(with: [0x50, 0x4B]) {
      let archive: NumPyArchive
      do { archive = try NumPyArchive(data) } catch { throw NumPyError(path, error.problem) }
      if archive.entries.isEmpty, let problem = Self.problem(archive.others) { throw NumPyError(path, problem) }
      content = .archive(archive)
      names = archive.entries.map(\.name)
    } else if let problem = Self.pickle(data, path) {
      throw NumPyError(path, problem)
    } else if GitLFSPointer.begins(data.prefix(64)) {
      throw GitLFSPointer.diagnosis(place: path)
    } else if start.isEmpty {
      throw NumPyError(path, .truncated("it is empty"))
    } else {
      throw NumPyError(path, .unknownFormat)
    }
  }

  /// What an archive without arrays is; nil where nothing is in it.
  private static func problem(_ others: [String]) -> NumPyError.Problem? {
    func has(_ end: String) -> Bool { others.contains { $0 == end || $0.hasSuffix("/\(end)") } }
    if others.isEmpty { return .otherArchive("an empty archive") }
    if has("data.pkl") { return has("constants.pkl") ? .otherArchive("a TorchScript module") : .torch }
    if has("[Content_Types].xml") { return .otherArchive("an office document") }
    let shown = others.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
    return .otherArchive("a zip archive of other files (\(shown)\(others.count > 3 ? ", …" : ""))")
  }

  /// Whether bytes are a pickle, or the file's name says so; nil where neither.
  private static func pickle(_ data: Data, _ path: String) -> NumPyError.Problem? {
    let start = [UInt8](data.prefix(16))
    let ending = URL(filePath: path).pathExtension.lowercased()
    let isTorchName = ["pt", "pth", "ckpt"].contains(ending)
    if start.count > 1, start[0] == 0x80, (2...5).contains(start[1]) {
      // The number that PyTorch began its files with before they were archives.
      let isTorch = start.dropFirst(2).starts(with: [
        0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
      ])
      return isTorch ? .torch : .pickled
    }
    // The oldest pickles are text, and no mark begins them.
    let isText = ["(dp", "(lp", "ccopy_reg\n", "cnumpy", "c__builtin__", "(i__main__"].contains {
      data.starts(with: $0.utf8)
    }
    if isText || ["pkl", "pickle", "p", "joblib"].contains(ending) { return .pickled }
    return isTorchName && !data.isEmpty && !GitLFSPointer.begins(data.prefix(64)) ? .torch : nil
  }

  /// The array of that name.
  ///
  /// - Throws: ``NumPyError`` where it is not there, not plain, damaged or too large.
  public func array(_ name: String) throws -> NumPyArray {
    guard names.contains(name) else { throw NumPyError(path, array: name, .noArray(found: names)) }
    switch content {
    case .single(let data): return try NumPyArray(data, name: name, path: path)
    case .archive(let archive):
      do {
        return try NumPyArray(archive.unpacked(name, limit: limit), name: name, path: path)
      } catch let fault as NumPyFault { throw NumPyError(path, array: name, fault.problem) }
    }
  }

  /// Refuses folders, and devices and pipes, which may never end.
  package static func requireRegular(_ url: URL) throws {
    let attributes = try Diagnosis.placing(url) {
      try FileManager.default.attributesOfItem(atPath: url.resolvingSymlinksInPath().path)
    }
    let kind = attributes[.type] as? FileAttributeType
    guard kind == .typeRegular else {
      throw Diagnosis(
        kind == .typeDirectory ? "a folder where a file was expected" : "not a regular file",
        place: url.relativePath, exitStatus: .input)
    }
  }

  /// Refuses an archive whose arrays together unpack to more than may be unpacked at once.
  package func requireRoom() throws(NumPyError) {
    guard case .archive(let archive) = content else { return }
    var size = 0
    for entry in archive.entries where entry.isPacked {
      let (sum, overflow) = size.addingReportingOverflow(entry.size)
      guard !overflow, sum <= limit else { throw NumPyError(path, .tooLarge(bytes: sum, limit: limit)) }
      size = sum
    }
  }

  /// All arrays of a file, in file order.
  ///
  /// - Throws: ``NumPyError``, or a `Diagnosis` where the file cannot be opened.
  public static func arrays(at url: URL) throws -> [NumPyArray] {
    let file = try NumPyFile(at: url)
    try file.requireRoom()
    return try file.names.map { try file.array($0) }
  }
}
