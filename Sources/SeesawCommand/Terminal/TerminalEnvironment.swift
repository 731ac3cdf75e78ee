import Foundation

/// What the two streams are connected to, and what the person wishes of them.
struct TerminalEnvironment: Equatable, Sendable {
  /// Whether the talk may be coloured.
  var colour = false
  /// Whether a line may be drawn again in its place.
  var redraws = false
  /// Whether what is on stdout may be drawn again in its place.
  var redrawsData = false
  /// Columns of a table on stdout.
  var width = TerminalEnvironment.pipeWidth
  /// Columns of the talk on stderr.
  var talkWidth = TerminalEnvironment.pipeWidth

  /// Where nobody says how wide a page is.
  static let pipeWidth = 100

  init() {}

  init(
    environment: [String: String], outIsTerminal: Bool, errorIsTerminal: Bool, columns: (Int32) -> Int? = { _ in nil }
  ) {
    let isPlain = environment["TERM"] == "dumb"
    redraws = errorIsTerminal && !isPlain
    colour = redraws && (environment["NO_COLOR"] ?? "").isEmpty
    redrawsData = outIsTerminal && !isPlain
    if outIsTerminal { width = columns(STDOUT_FILENO) ?? Self.pipeWidth }
    if errorIsTerminal { talkWidth = columns(STDERR_FILENO) ?? Self.pipeWidth }
  }

  static let current = TerminalEnvironment(
    environment: ProcessInfo.processInfo.environment, outIsTerminal: isatty(STDOUT_FILENO) == 1,
    errorIsTerminal: isatty(STDERR_FILENO) == 1, columns: columns(of:))

  private static func columns(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// What is said last: an error with its first word in red, in the place of a progress line that is still there.
  func last(_ text: String) -> String {
    guard text.hasPrefix("error:") else { return text }
    let coloured = colour ? Colour.red("error:") + text.dropFirst("error:".count) : text
    return redraws ? Self.clearing + coloured : coloured
  }

  /// Removes the line that the cursor is on.
  static let clearing = "\r\u{1B}[K"
}

/// The few colours there are.
enum Colour {
  static func red(_ text: String) -> String { "\u{1B}[1;31m\(text)\u{1B}[0m" }
  static func green(_ text: String) -> String { "\u{1B}[1;32m\(text)\u{1B}[0m" }
  static func yellow(_ text: String) -> String { "\u{1B}[1;33m\(text)\u{1B}[0m" }
}
