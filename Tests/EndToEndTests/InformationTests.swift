import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw methods, doctor, config and help")
struct InformationTests {
  @Test("help and version go to stdout and are no errors; a misspelt command goes to stderr with 64")
  func door() throws {
    try withTemporaryFolder { folder in
      let help = try Seesaw.run([], in: folder)
      #expect(help.status == 0 && help.error == "" && help.out.hasPrefix("OVERVIEW: "))
      let version = try Seesaw.run(["--version"], in: folder)
      #expect(version.status == 0 && version.out.split(separator: ".").count == 3)
      let wrong = try Seesaw.run(["compre"], in: folder)
      #expect(wrong.status == 64 && wrong.out == "" && wrong.error.contains("did you mean 'compare'?"))
      let missing = try Seesaw.run(["compare"], in: folder)
      #expect(missing.status == 64 && missing.error.hasPrefix("error: Missing expected argument"))
      let script = try Seesaw.run(["--generate-completion-script", "bash"], in: folder)
      #expect(script.status == 0 && !script.out.contains("EXAMPLES:"))
    }
  }

  @Test("methods are listed for people and for programs")
  func methods() throws {
    try withTemporaryFolder { folder in
      let list = try Seesaw.run(["methods"], in: folder)
      #expect(list.status == 0 && list.out.contains("\nbalgrad "))
      let cards = try #require(try Seesaw.run(["methods", "--json"], in: folder).json().listValue)
      #expect(cards.count == list.out.split(separator: "\n").count - 1)
      for card in cards {
        for key in ["name", "title", "stage", "summary", "modalities", "settings", "capabilities", "departures"] {
          #expect(card[path: key] != nil, "\(key)")
        }
      }
      let one = try Seesaw.run(["methods", "BalGrad", "--json"], in: folder)
      #expect(try one.json()[path: "name"] == "balgrad")
      let none = try Seesaw.run(["methods", "balgard"], in: folder)
      #expect(none.status == 64 && none.error.contains("did you mean 'balgrad'?"))
    }
  }

  @Test("the doctor finds libtorch, and its JSON agrees with its status")
  func doctor() throws {
    try withTemporaryFolder { folder in
      let answer = try Seesaw.run(["doctor", "--json"], in: folder)
      let tree = try answer.json()
      let findings = try #require(tree[path: "findings"]?.listValue)
      let bad = findings.contains { $0[path: "state"] == "bad" }
      #expect(answer.status == (bad ? 1 : 0) && tree[path: "ok"] == .bool(!bad))
      #expect(findings.contains { $0[path: "name"]?.stringValue?.contains("libtorch") == true })
    }
  }

  @Test("the configuration that is shown can be trained from")
  func config() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let shown = try Seesaw.run(
        ["config", "show", "data", "--method", "joint", "--set", "epochs=2"].map {
          $0 == "epochs=2" ? "training.epochs=2" : $0
        },
        in: folder)
      #expect(shown.status == 0 && shown.error == "")
      #expect(shown.out.contains("epochs: 2"))
      try Data(shown.out.utf8).write(to: folder.appending(path: "shown.yaml"))
      let trained = try Seesaw.run(["train", "--config", "shown.yaml", "--out", "r", "-q"], in: folder)
      #expect(trained.status == 0, "\(trained.error)")
      let json = try Seesaw.run(["config", "show", "--method", "balgrad", "--json"], in: folder).json()
      #expect(json[path: "configuration.method.name"] == "balgrad")
      #expect(json[path: "provenance"]?.tableValue?["method.name"] == "--method")
    }
  }
}
