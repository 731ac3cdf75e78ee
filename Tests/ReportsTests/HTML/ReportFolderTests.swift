import Foundation
import Records
import TestSupport
import Testing

@testable import Reports

@Suite("A report on disk")
struct ReportFolderTests {
  private let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0]

  @Test("page, Plotly, tables and the pictures of telling samples lie side by side")
  func files() throws {
    try withTemporaryFolder { folder in
      let raw = folder.appending(path: "raw")
      try FileManager.default.createDirectory(at: raw, withIntermediateDirectories: true)
      try Data(png).write(to: raw.appending(path: "a.png"))
      try Data("<svg onload=alert(1)>".utf8).write(to: raw.appending(path: "b.png"))
      try Data(png).write(to: folder.appending(path: "outside.png"))
      let plotly = folder.appending(path: "plotly.min.js")
      try Data("/* it */".utf8).write(to: plotly)
      var contents = HTMLReportTests.contents()
      let names = ["a.png", "b.png", "../outside.png", "none.png"]
      contents.runs[0].evidence?.raw = raw.path
      contents.runs[0].evidence?.telling = names.map {
        TellingSample(kind: .disagreement, row: 1, truth: ["cat"], answers: [:], alone: [:], image: $0, text: $0)
      }
      let out = folder.appending(path: "report")
      let made = try ReportFolder.write(
        contents, cards: HTMLReportTests.cards, version: "1", made: "today", plotly: plotly, to: out)
      #expect(made.hasPlotly && made.page.lastPathComponent == "index.html")
      let files = Set(try FileManager.default.subpathsOfDirectory(atPath: out.path))
      #expect(
        files == ["index.html", "plotly.min.js", "images", "images/1.png", "table.md", "table.tex", "table.csv"])
      let page = try String(contentsOf: made.page, encoding: .utf8)
      #expect(page.contains("<img src=\"images/1.png\" alt=\"Picture of test sample 1, a case of cat\""))
      #expect(page.components(separatedBy: "<img ").count == 2)
      #expect(page.contains("made by seesaw") == false && page.contains("Made by Seesaw 1 on today"))
    }
  }

  @Test("a picture that lies within another file is beside the page too; one that is no picture, or too large, is not")
  func embedded() throws {
    try withTemporaryFolder { folder in
      var contents = HTMLReportTests.contents()
      let names = ["data/train.parquet:0:3:image", "pairs.tar.gz@7.png", "samples.jsonl:2:image", "../a.tar@1.png"]
      contents.runs[0].evidence?.raw = folder.path
      contents.runs[0].evidence?.telling = names.map {
        TellingSample(kind: .disagreement, row: 1, truth: ["cat"], answers: [:], alone: [:], image: $0, text: $0)
      }
      var asked: [String] = []
      let out = folder.appending(path: "report")
      let made = try ReportFolder.write(
        contents, cards: HTMLReportTests.cards, version: "1", made: "today", plotly: nil, to: out
      ) { name, raw in
        #expect(raw.path == folder.path)
        asked.append(name)
        switch name {
        case names[0]: return Data(png)
        case names[1]: return Data(png) + Data(count: ReportFolder.mostPictureBytes)
        default: throw Diagnosis("there is no such picture or sound any more", place: name)
        }
      }
      // What leads out of the folder is not even asked for.
      #expect(asked == Array(names.prefix(3)))
      let files = try FileManager.default.contentsOfDirectory(atPath: out.appending(path: "images").path)
      #expect(files == ["1.png"])
      #expect(try String(contentsOf: made.page, encoding: .utf8).components(separatedBy: "<img ").count == 2)
    }
  }

  @Test("without Plotly the report is there all the same")
  func without() throws {
    try withTemporaryFolder { folder in
      let made = try ReportFolder.write(
        HTMLReportTests.contents(), cards: [], version: "1", made: "today", plotly: nil, to: folder)
      #expect(!made.hasPlotly)
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "plotly.min.js").path))
    }
  }
}
