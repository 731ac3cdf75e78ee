package import Foundation

/// The few lines that stand where a file of Git LFS belongs until it has been fetched.
package enum GitLFSPointer {
  /// What it is and what helps, in one phrase.
  package static let words = "a Git LFS pointer; git lfs pull fetches the file itself"

  /// More bytes than a pointer has.
  static let largest = 1024

  /// Whether bytes begin as a pointer does.
  package static func begins(_ bytes: some Sequence<UInt8>) -> Bool {
    bytes.starts(with: "version https://git-lfs.github.com/".utf8)
      || bytes.starts(with: "version https://hawser.github.com/".utf8)
  }

  /// Refuses a file that is one, and any that is no regular file; for formats that are opened by other means than
  /// ``BoundedFile``, which does so itself.
  ///
  /// - Throws: a ``Diagnosis``.
  package static func refuse(_ url: URL) throws { _ = try BoundedFile.open(url) }

  /// What is wrong with a file that is one.
  package static func diagnosis(place: String) -> Diagnosis { Diagnosis(what, place: place, exitStatus: .input) }

  /// Whether a file is one; false where it cannot be read.
  package static func stands(at url: URL) -> Bool {
    do { try refuse(url) } catch { return (error as? Diagnosis)?.what == what }
    return false
  }

  static let what = "the file is \(words)"
}
