public import Records

/// What a check of a data set found, in words, worst first.
public struct CheckText: Equatable, Sendable {
  /// For a terminal.
  public let text: String

  /// - Parameter width: columns of the terminal.
  public init(_ findings: DataFindings, width: Int = 100) {
    var blocks: [String] = []
    for severity in DataFindings.Severity.allCases {
      let found = findings.findings(severity)
      guard !found.isEmpty else { continue }
      let entries = found.map { finding in
        let sentence = finding.what + (finding.detail.map { ": \($0)" } ?? "")
        let lines = wrapped(sentence, width: width, first: "  • ", next: "    ")
        return lines + (finding.remedy.map { "\n" + wrapped($0, width: width, first: "    → ", next: "      ") } ?? "")
      }
      blocks.append("\(Self.heading(severity))\n" + entries.joined(separator: "\n"))
    }
    if blocks.isEmpty {
      blocks.append("No problem was found that would make scores on this data misleading.")
    }
    let looked = findings.looked.map { wrapped($0, width: width, first: "  · ", next: "    ") }
    if !looked.isEmpty { blocks.append("Looked at\n" + looked.joined(separator: "\n")) }
    text = blocks.joined(separator: "\n\n")
  }

  static func heading(_ severity: DataFindings.Severity) -> String {
    switch severity {
    case .grave: "Grave: scores on this data are misleading"
    case .warning: "Warnings: scores may be too high, or less certain than they look"
    case .remark: "Remarks"
    }
  }
}

/// What lies at a place, for a terminal.
public struct SeenText: Equatable, Sendable {
  public let text: String

  /// - Parameter width: columns of the terminal.
  public init(_ lines: [String], width: Int = 100) {
    text =
      "What is here\n" + lines.map { wrapped($0, width: width, first: "  · ", next: "    ") }.joined(separator: "\n")
      + "\n"
  }
}

/// A text in lines of at most so many columns; a longer word stands alone.
func wrapped(_ text: String, width: Int, first: String, next: String) -> String {
  var lines: [String] = []
  var line = first
  var isEmpty = true
  for word in text.split(separator: " ") {
    if !isEmpty, line.count + 1 + word.count > width {
      lines.append(line)
      line = next
      isEmpty = true
    }
    line += isEmpty ? String(word) : " " + word
    isEmpty = false
  }
  return (lines + [line]).joined(separator: "\n")
}
