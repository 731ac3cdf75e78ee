import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw check, watch and runs")
struct LookingTests {
  /// Features of which one test sample is in training, too.
  private func withLeak(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      var data = TinyFeatures()
      for (name, width) in TinyFeatures.widths {
        guard let row = data.splits["train"]?[name]?.bytes.prefix(4 * width) else { continue }
        data.splits["test"]?[name]?.bytes.replaceSubrange(0..<(4 * width), with: row)
      }
      try data.write(to: folder.appending(path: "data"))
      try body(folder)
    }
  }

  @Test("what lies there is told first; a copy across splits is told in words and as JSON, and its status is 1")
  func check() throws {
    try withLeak { folder in
      let words = try Seesaw.run(["check", "data"], in: folder)
      #expect(words.status == 1 && words.error.contains("error: the data has 1 grave finding"))
      #expect(words.out.hasPrefix("What is here\n  · a feature set: image 6, text 4\n"), "\(words.out)")
      #expect(words.out.contains("next: seesaw diagnose data\n\nGrave: scores on this data are misleading\n"))
      #expect(words.out.contains("1 test sample is a copy of one in an earlier split"))
      #expect(words.out.contains("image and text alike: test row 0 is train"))
      #expect(words.error.contains("     Done  1 grave, "))
      let strict = try Seesaw.run(["check", "data", "--strict", "--json"], in: folder)
      #expect(strict.status == 1 && strict.error.contains("error: the data has 1 grave finding"))
      let first = try strict.json()[path: "findings"]?.listValue?.first
      #expect(first?[path: "kind"] == "identical-across-splits" && first?[path: "count"] == 1)
      let nothing = try Seesaw.run(["check", "nowhere"], in: folder)
      #expect(nothing.status == 66)
      let wrong = try Seesaw.run(["check", "data", "--set", "compare.near_feature=1"], in: folder)
      #expect(wrong.status == 64 && wrong.error.contains("near_features"))
    }
  }

  @Test("training and comparing say what is grave before they begin, and a comparison keeps it")
  func before() throws {
    try withLeak { folder in
      let answer = try Seesaw.run(["train", "data", "--method", "joint", "--out", "run"] + quick, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let said = answer.error.split(separator: "\n").filter { $0.contains("the data: ") }
      #expect(
        said.count == 1 && said[0].contains("copy of one in an earlier split") && said[0].contains("seesaw check"))
      let compare = try Seesaw.run(
        ["compare", "data", "--methods", "joint", "--seeds", "1", "--out", "out", "--json"] + quick, in: folder)
      #expect(compare.status == 0, "\(compare.error)")
      let notes = try compare.json()[path: "notes"]?.listValue?.compactMap(\.stringValue) ?? []
      #expect(notes.contains { $0.hasPrefix("the data: 1 test sample is a copy") })
      let kept: DataFindings = try Tree.read(from: folder.appending(path: "out/check.json"))
      #expect(kept.isGrave)
    }
  }

  @Test("raw samples are checked with their pictures, and every line is told")
  func raw() throws {
    try withTemporaryFolder { folder in
      var raw = TinyRaw()
      raw.rows[7].text = raw.rows[1].text.uppercased() + "!"
      try raw.write(to: folder.appending(path: "raw"))
      let copy = folder.appending(path: "raw/\(raw.rows[7].image)")
      try FileManager.default.removeItem(at: copy)
      try FileManager.default.copyItem(at: folder.appending(path: "raw/\(raw.rows[1].image)"), to: copy)
      let answer = try Seesaw.run(["check", "raw", "--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let kinds = try answer.json()[path: "findings"]?.listValue?.compactMap { $0[path: "kind"]?.stringValue } ?? []
      #expect(kinds.contains("near-across-splits") && kinds.contains("class-name-in-text"), "\(kinds)")
    }
  }

  @Test("a sound that lies in two splits, once softer, is said to be nearly the same; another is not")
  func sounds() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder.appending(path: "raw"))
      var lines = "id,audio,text,label,split\n"
      for (number, split) in ["train", "train", "test", "test"].enumerated() {
        lines += "\(number),\(number).wav,the same,\(number % 2),\(split)\n"
      }
      try made.write("samples.csv", lines)
      for (number, period) in [20, 160, 20, 47].enumerated() {
        try made.write("\(number).wav", TinyRaw.wave(period: period, loudness: number == 2 ? 0x600 : 0x2000))
      }
      let answer = try Seesaw.run(["check", "raw", "--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let near = try answer.json()[path: "findings"]?.listValue?.filter { $0[path: "kind"] == "near-across-splits" }
      let cases = near?.flatMap { $0[path: "cases"]?.listValue ?? [] } ?? []
      let ids = cases.map { ($0[path: "samples"]?.listValue ?? []).compactMap { $0[path: "id"]?.stringValue }.sorted() }
      #expect(!ids.isEmpty && ids.allSatisfy { $0 == ["0", "2"] }, "\(answer.out)")
      let strict = try Seesaw.run(["check", "raw", "--json", "--set", "compare.near_sounds=1.1"], in: folder)
      #expect(strict.status == 0 && !strict.out.contains("\"near-across-splits\""), "\(strict.out)")
    }
  }

  @Test("event files are written while training, the same after going on, and of a finished run")
  func tensorboard() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let run = ["train", "data", "--method", "balgrad", "--out", "run"] + quick
      #expect(try Seesaw.run(run + ["--tensorboard"], in: folder).status == 0)
      let file = try #require(EventFile.files(in: folder.appending(path: "run")).first)
      let scalars = try EventFile.read(file)
      let losses = scalars.filter { $0.tag == "loss/fused" }
      #expect(losses.map(\.step) == Array(0..<9) && losses.allSatisfy { $0.value.isFinite })
      #expect(scalars.filter { $0.tag == "validation/accuracy" }.map(\.step) == [2, 5, 8])
      // Of a run that is finished, the records have it all.
      try FileManager.default.removeItem(at: file)
      #expect(try Seesaw.run(run + ["--tensorboard"], in: folder).status == 0)
      let again = try EventFile.read(#require(EventFile.files(in: folder.appending(path: "run")).first))
      #expect(again.map { "\($0.tag) \($0.step) \($0.value)" } == scalars.map { "\($0.tag) \($0.step) \($0.value)" })
    }
  }

  @Test("a run that has ended is watched once, as lines on a pipe; its curves are shown with --once")
  func watch() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      for method in ["joint", "balgrad"] {
        let train = ["train", "data", "--method", method, "--out", "runs/\(method)"] + quick
        #expect(try Seesaw.run(train, in: folder).status == 0)
      }
      let lines = try Seesaw.run(["watch", "runs/joint"], in: folder)
      #expect(lines.status == 0)
      let told = lines.out.split(separator: "\n")
      #expect(told.count == 4 && told[0].hasPrefix("epoch 1/3  loss fused ") && told[3] == "finished")
      let curves = try Seesaw.run(["watch", "runs/joint", "--once"], in: folder).out
      #expect(curves.hasPrefix("tiny · joint · seed 0 · epoch 3/3 · finished") && curves.contains("best validation"))
      #expect(!curves.contains("\u{1B}"))
      let table = try Seesaw.run(["watch", "runs", "--once"], in: folder).out
      #expect(table.contains("runs/balgrad") && table.hasSuffix("2 of 2 runs ended\n"))
      #expect(try Seesaw.run(["watch", "nowhere"], in: folder).status == 66)

      let diff = try Seesaw.run(["runs", "diff", "runs/joint", "runs/balgrad"], in: folder)
      #expect(diff.status == 0 && diff.out.contains("method.name") && !diff.out.contains("training.epochs"))
      let listed = try Seesaw.run(
        ["runs", "ls", "--where", "method.name=balgrad", "--sort", "scores.full", "--json"], in: folder)
      #expect(try listed.json().listValue?.map { $0[path: "folder"] } == ["runs/balgrad"])
    }
  }

  /// The port that a command says it serves a page at.
  private func servedPort(_ watch: Running) throws -> UInt16 {
    try watch.wait(for: "/\n")
    let said = try #require(watch.said.split(separator: "\n").first { $0.contains("Page  http://127.0.0.1:") })
    return try #require(UInt16(said.split(separator: ":").last?.dropLast() ?? ""))
  }

  @Test(
    "a page is served while runs train and grows with them; the last one reaches the browser before the command ends")
  func servedPage() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let train = ["train", "data", "--method", "joint"]
      #expect(try Seesaw.run(train + ["--out", "runs/first"] + quick, in: folder).status == 0)
      // It trains until it is told to stop.
      let long = try Running(
        train + ["--out", "runs/long"] + quick + ["--set", "training.epochs=1000000"], in: folder)
      defer { long.process.terminate() }
      while !FileManager.default.fileExists(atPath: folder.appending(path: "runs/long/run.json").path) {
        try #require(long.process.isRunning)
      }

      let noBrowser = ["BROWSER": ""]
      let watch = try Running(["watch", "runs", "--open"], in: folder, environment: noBrowser, listening: true)
      defer { watch.process.terminate() }
      let port = try servedPort(watch)
      func page(_ path: String = "/", host: String = "localhost") throws -> LocalPage {
        try LocalPage(path, port: port, host: host)
      }
      var live = try page()
      while !live.body.contains("<html") { live = try page() }
      #expect(live.body.contains("<meta name=\"live\" content=\"5.0\">") && live.body.contains("connect-src"))
      #expect(live.headers["content-type"] == "text/html; charset=utf-8")
      #expect(try page("/index.html", host: "rebound.example:\(port)").status == 403)
      #expect(try page("/../first/run.json").status == 404 && page("/table.md").status == 200)
      let taken = try Seesaw.run(
        ["watch", "runs", "--open", "--port", "\(port)"], in: folder, environment: noBrowser)
      #expect(taken.status == 64 && taken.error.contains("port \(port): another program listens on it"))

      kill(long.process.processIdentifier, SIGINT)
      _ = try long.end()
      var last = live
      while last.body.contains("<meta name=\"live\"") { last = try page() }
      let end = try watch.end()
      #expect(end.status == 0 && end.error.contains("Page  runs/report/index.html"), "\(end.error)")
      let kept = try String(contentsOf: folder.appending(path: "runs/report/index.html"), encoding: .utf8)
      #expect(last.body == kept && !kept.contains("connect-src"))
    }
  }

  @Test(
    "a port is of the page that is served, and is one", arguments: [["--port", "80"], ["--open", "--port", "70000"]])
  func wrongPort(_ options: [String]) throws {
    try withTemporaryFolder { folder in
      let answer = try Seesaw.run(["watch", "."] + options, in: folder)
      #expect(answer.status == 64 && answer.error.contains("--port is "), "\(answer.error)")
    }
  }

  @Test("between two runs of a comparison it is not over")
  func betweenRuns() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let train = ["train", "data", "--method", "joint", "--out", "runs/first"] + quick
      #expect(try Seesaw.run(train, in: folder).status == 0)
      let atWork = try FolderLock(inside: folder.appending(path: "runs")) { _ in }
      let watch = try Running(
        ["watch", "runs", "--open"], in: folder, environment: ["BROWSER": ""], listening: true)
      defer { watch.process.terminate() }
      let port = try servedPort(watch)
      var page = try LocalPage("/", port: port)
      while !page.body.contains("<html") { page = try LocalPage("/", port: port) }
      #expect(page.body.contains("<meta name=\"live\"") && watch.process.isRunning)
      atWork.release()
      #expect(try watch.end().status == 0)
      let kept = try String(contentsOf: folder.appending(path: "runs/report/index.html"), encoding: .utf8)
      #expect(!kept.contains("<meta name=\"live\""))
    }
  }

  @Test("runs are removed only where that is meant: no other folder, none at work, and not without a yes")
  func remove() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let train = ["train", "data", "--method", "joint", "--out", "run"] + quick
      #expect(try Seesaw.run(train, in: folder).status == 0)
      func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder.appending(path: name).path) }
      let unasked = try Seesaw.run(["runs", "rm", "run"], in: folder)
      #expect(unasked.status == 64 && unasked.error.contains("--yes") && isThere("run"))
      // With one that is no run, none is removed.
      let wrong = try Seesaw.run(["runs", "rm", "run", "data", "--yes"], in: folder)
      #expect(wrong.status == 66 && isThere("run") && isThere("data"))
      #expect(try Seesaw.run(["runs", "rm", "run", "--yes"], in: folder).status == 0)
      #expect(!isThere("run"))
    }
  }
}
