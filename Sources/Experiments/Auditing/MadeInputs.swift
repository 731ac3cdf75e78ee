import Foundation
import Multimodal
import Records
import Synchronization

/// Files of inputs that were made for requests, each there for as long as a request that names it has no answer.
///
/// Used from several threads.
final class MadeInputs: Sendable {
  private let folder: URL
  /// Requests without an answer, by the file that they name.
  private let counts = Mutex<[String: Int]>([:])

  init(_ folder: URL) { self.folder = folder }

  /// The path of a file for one more request; it is made where it is not there.
  func path(_ name: String, _ content: () throws -> Data) throws -> String {
    let url = folder.appending(path: name)
    counts.withLock { $0[name, default: 0] += 1 }
    guard !FileManager.default.fileExists(atPath: url.path) else { return url.path }
    // Under a name of its own first: another thread may be making the same. Not forced to the disk, as it will be gone soon.
    let unfinished = folder.appending(path: ".\(UUID().uuidString)-\(name)")
    try Diagnosis.placing(url) {
      try content().write(to: unfinished)
      guard rename(unfinished.path, url.path) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }
    return url.path
  }

  /// Says that a request that names a file was answered, or will not be.
  func release(_ name: String) {
    counts.withLock { counts in
      guard let count = counts[name] else { return }
      counts[name] = count > 1 ? count - 1 : nil
      if count <= 1 { unlink(folder.appending(path: name).path) }
    }
  }
}

/// Words and patches of samples, each sample read once.
final class SampleParts: Sendable {
  private let found = Mutex<[Int32: InputParts]>([:])

  /// The parts of a row, which are made where they are not known.
  func parts(of row: Int32, _ make: () throws -> InputParts) rethrows -> InputParts {
    if let known = found.withLock({ $0[row] }) { return known }
    let made = try make()
    found.withLock { $0[row] = made }
    return made
  }
}
