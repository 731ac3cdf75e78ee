import Foundation

/// The browser of whoever sits here.
struct Browser {
  private let program: String?
  private static let openers = ["/usr/bin/open", "/usr/bin/xdg-open", "/usr/local/bin/xdg-open"]

  /// What `BROWSER` names, as other programs take it too; nothing where it is empty; else what opens pages here.
  init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    program =
      switch environment["BROWSER"] {
      case ""?: nil
      case let named? where named.hasPrefix("/"): named
      default: Self.openers.first { FileManager.default.isExecutableFile(atPath: $0) }
      }
  }

  /// Whether there is one to be asked.
  var isThere: Bool { program != nil }

  /// Opens an address; false where that could not be begun.
  func open(_ address: String) -> Bool {
    guard let program else { return false }
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = [address]
    (process.standardInput, process.standardOutput) = (FileHandle.nullDevice, FileHandle.nullDevice)
    process.standardError = FileHandle.nullDevice
    return (try? process.run()) != nil
  }
}
