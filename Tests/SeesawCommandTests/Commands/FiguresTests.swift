import ArgumentParser
import Foundation
import Records
import TestSupport
import Testing

@testable import SeesawCommand

@Suite("seesaw figures")
struct FiguresTests {
  @Test("a file's name in --out is refused, with the option that was meant")
  func out() {
    let error = #expect(throws: (any Error).self) { try Figures.parse(["runs/first", "--out", "figs.pdf"]) }
    #expect(
      error.map { Figures.fullMessage(for: $0) }?.contains(
        "--out is 'figs.pdf', and it names a folder; --form pdf chooses the form of the figures.") == true)
  }

  @Test("another form is made by rsvg-convert; without it, or where it fails, a sentence says so")
  func forms() throws {
    try withTemporaryFolder { folder in
      let svg = Data("<svg/>".utf8)
      let none = #expect(throws: Diagnosis.self) { try SVGConverter.convert(svg, to: "pdf", path: folder.path) }
      #expect(none?.what == "rsvg-convert is not in PATH, and pdf is made by it")
      #expect(none?.remedy?.contains("apt install librsvg2-bin") == true)
      let program = folder.appending(path: "rsvg-convert")
      func write(_ script: String) throws {
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: program)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
      }
      try write("echo \"$@\"; cat")
      let made = try SVGConverter.convert(svg, to: "png", path: "/nowhere:\(folder.path)")
      #expect(String(decoding: made, as: UTF8.self) == "--format png --zoom 2\n<svg/>")
      try write("cat >/dev/null; exit 3")
      let failed = #expect(throws: Diagnosis.self) { try SVGConverter.convert(svg, to: "pdf", path: folder.path) }
      #expect(failed?.what.hasSuffix("rsvg-convert made no pdf (status 3)") == true)
    }
  }
}
