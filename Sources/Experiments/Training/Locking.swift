import Foundation
import Records

extension Experiment {
  /// How somebody else's lock is met: with patience, until a wish to stop, or not at all.
  static func patience(
    _ isPatient: Bool, for folder: URL, stop: StopFlag, events: @escaping EventSink
  ) -> ((FolderLock.Holder?) throws -> Void)? {
    guard isPatient else { return nil }
    var isSaid = false
    return { holder in
      if stop.isRequested { throw CancellationError() }
      if !isSaid { events(.note("waiting for \(holder?.words ?? "another process") in \(folder.relativePath)")) }
      isSaid = true
    }
  }
}
