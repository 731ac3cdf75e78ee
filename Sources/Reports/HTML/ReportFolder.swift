public import Foundation
public import Records

/// A report on disk: the page with what it needs beside it, and the main table in the forms that papers take.
public enum ReportFolder {
  /// What was made.
  public struct Made: Sendable {
    public let page: URL
    public let tables: [URL]
    /// Whether the figures move.
    public let hasPlotly: Bool
  }

  /// The file that Plotly is in.
  public static let plotlyName = "plotly.min.js"

  /// Writes `index.html`, `plotly.min.js`, `images/`, and `table.md`, `table.tex`, `table.csv`; of an audit `table.md` alone.
  ///
  /// - Parameters:
  ///   - plotly: `plotly.min.js`; where it is nil the figures stand still, and the page says so.
  ///   - markdown: what `table.md` is to hold; the table alone by default.
  ///   - live: of runs that still train, the seconds after which the page is to be read again.
  public static func write(
    _ contents: ReportContents, cards: [MethodCard], version: String, made: String, plotly: URL?, to folder: URL,
    markdown: String? = nil, live: Double? = nil
  ) throws -> Made {
    let files = FileManager.default
    // A page takes a moment: whoever is writing one here is waited for.
    let lock = try FolderLock(inside: folder) { _ in }
    defer { lock.release() }
    AtomicFile.removeUnfinished(in: folder)
    AtomicFile.removeUnfinished(in: folder.appending(path: "images"))
    var hasPlotly = false
    if let plotly {
      let target = folder.appending(path: plotlyName)
      try copy(plotly, to: target)
      hasPlotly = true
    }
    let wanted = HTMLReport(contents).wanted
    var pictures: [URL: String] = [:]
    for source in wanted where pictures[source] == nil {
      guard let form = try? pictureForm(source) else { continue }
      let name = "images/\(pictures.count + 1).\(form)"
      let target = folder.appending(path: name)
      try Diagnosis.placing(target) {
        try files.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
      }
      try copy(source, to: target)
      pictures[source] = name
    }
    let report = HTMLReport(
      contents, cards: cards, version: version, made: made, isStill: !hasPlotly, pictures: pictures,
      live: live)
    let page = folder.appending(path: "index.html")
    try AtomicFile.write(Data(report.html().utf8), to: page)

    var tables: [URL] = []
    var texts: [(name: String, text: String)] = []
    if let audit = contents.audit {
      texts = [("table.md", markdown ?? AuditText(audit).markdown)]
    } else {
      let table = ComparisonTable(contents.results, titles: report.titles)
      texts = [
        ("table.md", markdown ?? table.markdown()), ("table.tex", table.latex()),
        ("table.csv", CSVTable.text(contents.results)),
      ]
    }
    for (name, text) in texts {
      let url = folder.appending(path: name)
      try AtomicFile.write(Data(text.utf8), to: url)
      tables.append(url)
    }
    return Made(page: page, tables: tables, hasPlotly: hasPlotly)
  }

  /// Copies a file unless the same lies there already.
  private static func copy(_ source: URL, to target: URL) throws {
    let data = try Diagnosis.placing(source) { try Data(contentsOf: source) }
    if let there = try? Data(contentsOf: target), there == data { return }
    try AtomicFile.write(data, to: target)
  }

  /// Larger pictures stay where they are.
  static let mostPictureBytes = 4 << 20

  /// What a picture is, by its first bytes; nil where it is none that a browser shows, or too large.
  static func pictureForm(_ url: URL) throws -> String? {
    let values = try url.resourceValues(forKeys: [.fileSizeKey, .isRegularFileKey])
    guard values.isRegularFile == true, let size = values.fileSize, size <= mostPictureBytes else { return nil }
    let handle = try FileHandle(forReadingFrom: url)
    defer { try? handle.close() }
    let head = [UInt8](try handle.read(upToCount: 12) ?? Data())
    if head.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return "png" }
    if head.starts(with: [0xFF, 0xD8, 0xFF]) { return "jpg" }
    if head.starts(with: Array("GIF8".utf8)) { return "gif" }
    if head.starts(with: Array("BM".utf8)) { return "bmp" }
    if head.starts(with: Array("RIFF".utf8)), head.count == 12, Array(head[8...]) == Array("WEBP".utf8) {
      return "webp"
    }
    return nil
  }
}
