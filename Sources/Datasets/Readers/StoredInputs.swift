package import Foundation
import Records

/// Pictures and sounds that lie within other files: in cells of a table, in members of an archive.
///
/// A sample names such an input as it names a file, and its bytes are read when they are asked for, from several threads.
protocol StoredInputs: AnyObject, Sendable {
  /// Whether a name is of one of its inputs; any other is the path of a file.
  func holds(_ name: String) -> Bool
  /// The bytes of an input.
  ///
  /// - Parameter limit: in bytes; a longer input is refused.
  /// - Throws: a `Diagnosis` that names the input.
  func bytes(of name: String, limit: Int) throws -> Data
  /// What is different once the bytes may be: the size and time of the file that they are in.
  func stamp(of name: String) -> String
  /// How many frames stand for a clip; nil where there are no clips.
  var clipFrames: Int? { get }
}

extension StoredInputs {
  var clipFrames: Int? { nil }
}

/// Where a sample's inputs are, if not in files of their own.
struct InputStore: Sendable, Equatable {
  let inputs: any StoredInputs

  static func == (a: InputStore, b: InputStore) -> Bool { a.inputs === b.inputs }
}

extension RawSample {
  /// Whether an input lies within another file, so that no path leads to it.
  package func isStored(_ name: String) -> Bool { store?.inputs.holds(name) ?? false }

  /// The bytes of one of its pictures, or of its sound.
  ///
  /// - Throws: a `Diagnosis` that names the input.
  package func bytes(of name: String) throws -> Data {
    if let inputs = store?.inputs, inputs.holds(name) {
      return try inputs.bytes(of: name, limit: BoundedFile.largestPicture)
    }
    return try BoundedFile.read(url(name), limit: BoundedFile.largestPicture)
  }

  /// What is different once the bytes of an input may be.
  package func stamp(of name: String) -> String {
    if let inputs = store?.inputs, inputs.holds(name) { return inputs.stamp(of: name) }
    return FileStamp(url(name).path).words
  }

  /// An input as errors name it.
  package func words(of name: String) -> String { isStored(name) ? name : url(name).relativePath }
}

/// The size and time of a file.
struct FileStamp {
  let words: String

  init(_ path: String) {
    // Not the URL's resource values, which it would keep.
    let facts = try? FileManager.default.attributesOfItem(atPath: path)
    let (size, time) = (facts?[.size] as? NSNumber, facts?[.modificationDate] as? Date)
    words = "\(size?.intValue ?? 0) \(time?.timeIntervalSince1970 ?? 0)"
  }
}
