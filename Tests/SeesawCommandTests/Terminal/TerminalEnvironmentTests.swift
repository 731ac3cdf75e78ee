import Foundation
import Testing

@testable import SeesawCommand

@Suite("Terminals and pipes")
struct TerminalEnvironmentTests {
  private func surroundings(
    _ environment: [String: String] = [:], out: Bool = true, error: Bool = true
  ) -> TerminalEnvironment {
    TerminalEnvironment(environment: environment, outIsTerminal: out, errorIsTerminal: error) { $0 == 1 ? 72 : 66 }
  }

  @Test("a terminal has colour, redrawn lines and its width")
  func terminal() {
    let found = surroundings()
    #expect(found.colour && found.redraws)
    #expect(found.width == 72 && found.talkWidth == 66)
  }

  @Test("a pipe has none of them")
  func pipe() {
    #expect(surroundings(out: false, error: false) == TerminalEnvironment())
    let onlyTalk = surroundings(out: false)
    #expect(onlyTalk.width == TerminalEnvironment.pipeWidth && onlyTalk.redraws)
    #expect(surroundings(error: false).redraws == false)
  }

  @Test("NO_COLOR is kept where it is not empty, and a dumb terminal gets plain lines")
  func plain() {
    #expect(surroundings(["NO_COLOR": "1"]).colour == false)
    #expect(surroundings(["NO_COLOR": "1"]).redraws)
    #expect(surroundings(["NO_COLOR": ""]).colour)
    #expect(surroundings(["TERM": "dumb"]).redraws == false)
    #expect(surroundings(["TERM": "dumb"]).colour == false)
  }

  @Test("an error clears the progress line, its first word is red, and only where a terminal can do so")
  func errors() {
    #expect(surroundings().last("error: a\n  in: b") == "\r\u{1B}[K\u{1B}[1;31merror:\u{1B}[0m a\n  in: b")
    #expect(surroundings(["NO_COLOR": "1"]).last("error: a") == "\r\u{1B}[Kerror: a")
    #expect(surroundings().last("stopped") == "stopped")
    #expect(TerminalEnvironment().last("error: a") == "error: a")
  }

  @Test("Ctrl-C heard twice at once was pressed once, and being told to terminate is no second press")
  func interruption() {
    #expect(!Interruption.isAgain(SIGINT, after: 20_000_000))
    #expect(Interruption.isAgain(SIGINT, after: 300_000_000))
    #expect(!Interruption.isAgain(SIGTERM, after: 300_000_000))
  }

  @Test("columns are as wide as their widest cell, numbers to the right, no space at the end")
  func columns() {
    #expect(
      Columns.text([["a", "1", "x"], ["long", "100", ""]], right: [1], indent: 2) == "  a       1  x\n  long  100")
    #expect(Columns.text([]) == "")
  }
}
