public import Foundation

/// Files of a folder, made in a line each.
public struct MadeUpFolder {
  public let folder: URL

  public init(_ folder: URL) { self.folder = folder }

  /// Writes a text; folders on the way are made.
  public func write(_ path: String, _ text: String) throws { try write(path, Data(text.utf8)) }

  public func write(_ path: String, _ data: Data) throws {
    let file = folder.appending(path: path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: file)
  }

  /// Files of no content.
  public func touch(_ paths: String...) throws {
    for path in paths { try write(path, Data()) }
  }

  public func remove(_ path: String) throws { try FileManager.default.removeItem(at: folder.appending(path: path)) }
}
