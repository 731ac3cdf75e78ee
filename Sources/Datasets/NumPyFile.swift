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
      names = [URL(filePath: path).deletingPathExtension().lastPathComponent]
    } else if start.starts(with: [0x50, 0x4B]) {
      do {
        let archive = try NumPyArchive(data)
        content = .archive(archive)
        names = archive.entries.map(\.name)
      } catch { throw NumPyError(path, error.problem) }
    } else if start.count > 1, start[0] == 0x80, (2...5).contains(start[1]) {
      throw NumPyError(path, .pickled)
    } else if start.isEmpty {
      throw NumPyError(path, .truncated("it is empty"))
    } else {
      throw NumPyError(path, .unknownFormat)
    }
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
