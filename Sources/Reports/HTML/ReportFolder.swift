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
  ///   - embedded: the bytes of a picture that lies within another file (a cell of a table, a member of an archive), by its
  ///     name and the folder of the raw data; one that cannot be had is left out.
  public static func write(
    _ contents: ReportContents, cards: [MethodCard], version: String, made: String, plotly: URL?, to folder: URL,
    markdown: String? = nil, live: Double? = nil,
    embedded: (_ name: String, _ folder: URL) throws -> Data? = { _, _ in nil }
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
    for picture in wanted where pictures[picture.place] == nil {
      guard let bytes = try? bytes(of: picture, embedded), let form = pictureForm(bytes) else { continue }
      let name = "images/\(pictures.count + 1).\(form)"
      let target = folder.appending(path: name)
      try Diagnosis.placing(target) {
        try files.createDirectory(at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
      }
      try write(bytes, to: target)
      pictures[picture.place] = name
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
    try write(Diagnosis.placing(source) { try Data(contentsOf: source) }, to: target)
  }

  private static func write(_ data: Data, to target: URL) throws {
    if let there = try? Data(contentsOf: target), there == data { return }
    try AtomicFile.write(data, to: target)
  }

  /// Larger pictures stay where they are.
  static let mostPictureBytes = 4 << 20

  /// The bytes of a picture; nil where there is none, or too large a one.
  private static func bytes(
    of picture: HTMLReport.Wanted, _ embedded: (_ name: String, _ folder: URL) throws -> Data?
  ) throws -> Data? {
    let values = try? picture.place.resourceValues(forKeys: [.fileSizeKey, .isRegularFileKey])
    let bytes: Data?
    if let values, values.isRegularFile == true {
      guard let size = values.fileSize, size <= mostPictureBytes else { return nil }
      bytes = try Data(contentsOf: picture.place)
    } else {
      bytes = values == nil ? try embedded(picture.name, picture.folder) : nil
    }
    return bytes.flatMap { $0.count <= mostPictureBytes ? $0 : nil }
  }

  /// What a picture is, by its first bytes; nil where it is none that a browser shows.
  static func pictureForm(_ bytes: Data) -> String? {
    let head = [UInt8](bytes.prefix(12))
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
