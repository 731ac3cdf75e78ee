package import Foundation

/// How large a file is and when it was changed.
package struct FileState: Equatable {
  package let bytes: Int
  /// In nanoseconds since 1970, by the disk's clock.
  package let modified: Int

  /// Nil where there is no file.
  package init?(of url: URL) {
    var information = stat()
    guard stat(url.path, &information) == 0 else { return nil }
    #if os(Linux)
      let time = information.st_mtim
    #else
      let time = information.st_mtimespec
    #endif
    bytes = Int(information.st_size)
    modified = Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
  }
}
