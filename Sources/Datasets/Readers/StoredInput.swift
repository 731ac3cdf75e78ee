package import Foundation
import Records

/// A picture or sound by the name that a feature set keeps of it, long after its data set was read.
package enum StoredInput {
  /// The bytes of an input: of a file, a cell of a table or a member of an archive.
  ///
  /// - Parameter folder: of the raw data, which nothing may lie outside of.
  /// - Throws: a `Diagnosis` where it is gone.
  package static func bytes(of name: String, in folder: URL) throws -> Data {
    let root = folder.standardizedFileURL.resolvingSymlinksInPath()
    func inside(_ path: String) -> URL? {
      let file = root.appending(path: path).standardizedFileURL.resolvingSymlinksInPath()
      var isFolder: ObjCBool = false
      guard file.path.hasPrefix(root.path + "/"),
        FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), !isFolder.boolValue
      else { return nil }
      return file
    }
    if let file = inside(name) { return try BoundedFile.read(file, limit: BoundedFile.largestPicture) }
    // The file that holds it is what stands before one of the signs.
    for mark in name.indices where name[mark] == ":" || name[mark] == "@" {
      guard let file = inside(String(name[..<mark])) else { continue }
      let holder = DataFiles.File(
        name: String(name[..<mark]), place: file.path, split: nil, stamp: FileStamp(file.path).words)
      if let inputs = inputs(in: holder, named: name, below: root), inputs.holds(name) {
        return try inputs.bytes(of: name, limit: BoundedFile.largestPicture)
      }
    }
    throw Diagnosis("there is no such picture or sound any more", place: name, exitStatus: .input)
  }

  private static func inputs(
    in file: DataFiles.File, named name: String, below folder: URL
  ) -> (any StoredInputs)? {
    if VideoClips.clip(of: name) == file.name { return VideoClips(folder) }
    if DataFiles.Kind.archives.has(file.name) {
      return ArchiveMembers([file], compressed: file.name.lowercased().hasSuffix(".tar") ? [] : [file.name])
    }
    #if READS_PARQUET
      guard DataFiles.Kind.tables.has(file.name), let schema = try? ArrowFile(file.place).schema() else { return nil }
      let columns = schema.children.map(\.name).filter { name.contains(":\($0)") }
      return TableCells([file], columns: columns.map { TableColumns.Column(name: $0) })
    #else
      return nil
    #endif
  }
}
