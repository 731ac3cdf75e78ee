import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw compare, report, runs and demo")
struct ComparisonTests {
  private func withData(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      try body(folder)
    }
  }

  private func read(_ path: String, in folder: URL) throws -> String {
    try String(contentsOf: folder.appending(path: path), encoding: .utf8)
  }

  private let three = ["compare", "data", "--methods", "joint,balgrad", "--seeds", "3"] + quick

  @Test("the JSON is as promised, on stdout and in results.json alike")
  func schema() throws {
    try withData { folder in
      let answer = try Seesaw.run(three + ["--out", "c", "--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(try read("c/results.json", in: folder) == answer.out)
      let tree = try answer.json()
      let keys = ["dataset", "metric", "conditions", "methods", "tests", "notes"]
      #expect(keys.allSatisfy { tree[path: $0] != nil })
      #expect(tree[path: "dataset"] == "tiny" && tree[path: "metric"] == "accuracy")
      let conditions =
        ["full"] + ["missing", "absent", "noisy", "swapped"].flatMap { ["image-\($0)", "text-\($0)"] }
      #expect(Set(tree[path: "conditions"]?.listValue?.compactMap(\.stringValue) ?? []) == Set(conditions))
      #expect(tree[path: "conditions"]?.listValue?.first == "full")
      let methods = try #require(tree[path: "methods"]?.listValue)
      #expect(methods.map { $0[path: "name"] } == ["joint", "balgrad"])
      for method in methods {
        #expect(method[path: "settings"]?.tableValue != nil)
        let runs = try #require(method[path: "runs"]?.listValue)
        #expect(runs.map { $0[path: "seed"] } == [0, 1, 2])
        for run in runs {
          for condition in conditions {
            #expect((0...1).contains(run[path: "scores"]?[path: condition]?.numberValue ?? -1), "\(condition)")
          }
          for quantity in ["average.missing", "average.noisy", "gap.missing", "gap.noisy", "seconds"] {
            #expect(run[path: quantity]?.numberValue != nil, "\(quantity)")
          }
          #expect(run[path: "negativeTransfer"]?.boolValue != nil)
          let image = try #require(run[path: "scores.image-missing"]?.numberValue)
          let text = try #require(run[path: "scores.text-missing"]?.numberValue)
          #expect(abs((run[path: "gap.missing"]?.numberValue ?? 9) - abs(image - text)) < 1e-12)
        }
        #expect(method[path: "mean.scores.full"]?.numberValue != nil)
        #expect(method[path: "interval95.scores.full"]?.listValue?.count == 2)
      }
      for test in tree[path: "tests"]?.listValue ?? [] {
        #expect(test[path: "methods"] == ["joint", "balgrad"])
        #expect(test[path: "quantity"]?.stringValue != nil && test[path: "p"]?.numberValue != nil)
      }
    }
  }

  @Test("people get the table, two sentences and the files; what is done is not done again")
  func words() throws {
    try withData { folder in
      let answer = try Seesaw.run(three, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(answer.out.hasPrefix("tiny · accuracy in % · 3 seeds\n\n"))
      #expect(answer.out.contains("Joint training") && answer.out.contains("BalGrad"))
      #expect(answer.out.split(separator: "\n\n").last?.hasSuffix(".\n") == true)
      #expect(answer.error.contains("\nComparing  6 runs: joint, balgrad × 3 seeds\n"))
      #expect(
        answer.error.contains(
          "\nSpecialists  9 runs more, one model for each condition: full, image-missing, text-missing, ")
      )
      #expect(answer.error.contains("  Telling  with 3 seeds, 18 test samples and 1 method beside the first, "))
      #expect(answer.out.contains("worst regret") && answer.out.contains("specialists"))
      #expect(answer.out.split(separator: "\n\n").contains { $0.contains(" stand") && $0.contains("regret") == false })
      #expect(
        answer.lastWords.hasPrefix(
          "     Done  runs/compare-data/results.json, runs/compare-data/table.md, runs/compare-data/report/index.html   "
        ))
      #expect(try read("runs/compare-data/report/index.html", in: folder).contains("<h1>tiny</h1>"))
      #expect(try read("runs/compare-data/table.md", in: folder).contains("| full |"))

      let weights = "runs/compare-data/joint/seed-0/weights.safetensors"
      let date = try FileManager.default.attributesOfItem(atPath: folder.appending(path: weights).path)[
        .modificationDate]
      let again = try Seesaw.run(three, in: folder)
      #expect(again.status == 0 && again.out == answer.out)
      let after = try FileManager.default.attributesOfItem(atPath: folder.appending(path: weights).path)[
        .modificationDate]
      #expect(date as? Date == after as? Date)
    }
  }

  @Test("several jobs find what one finds")
  func jobs() throws {
    try withData { folder in
      let scores = try ["1", "2"].map { jobs in
        let answer = try Seesaw.run(
          [
            "compare", "data", "--methods", "joint,balgrad", "--seeds", "2", "--jobs", jobs, "--out", "jobs-\(jobs)",
            "--json",
          ] + quick,
          in: folder)
        #expect(answer.status == 0, "\(answer.error)")
        return try answer.json()[path: "methods"]?.listValue?.flatMap { method in
          method[path: "runs"]?.listValue?.map { $0[path: "scores"] } ?? []
        }
      }
      #expect(scores[0] == scores[1] && scores[0]?.count == 4)
    }
  }

  @Test("a method nobody has and one named twice are refused before anything is made")
  func usage() throws {
    try withData { folder in
      let unknown = try Seesaw.run(["compare", "data", "--methods", "joint,balgard"], in: folder)
      #expect(unknown.status == 64)
      #expect(unknown.error.hasPrefix("error: no method is called 'balgard'\n  did you mean 'balgrad'?"))
      let twice = try Seesaw.run(["compare", "data", "--methods", "joint,joint"], in: folder)
      #expect(twice.status == 64 && twice.error.contains("named twice"))
      let setting = try Seesaw.run(["compare", "data", "--set", "epoks=3"], in: folder)
      #expect(setting.status == 64 && setting.error.contains("epoks"), "\(setting.error)")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "runs").path))
    }
  }

  @Test("a recipe is compared row by row, with its own settings, sweep and printed numbers")
  func recipe() throws {
    try withData { folder in
      let text = """
        title: BalGrad without its projection
        seeds: 2
        settings: {training: {epochs: 2, batch_size: 16}, model: {embedding_width: 8}}
        sweep: [0, 0.5, 1]
        rows:
          - {method: joint}
          - {label: no projection, method: balgrad, set: {method: {projection: {enabled: false}}}}
        expected: {joint: {full: 12.3}}
        source: a paper
        """
      try Data(text.utf8).write(to: folder.appending(path: "recipe.yaml"))
      let answer = try Seesaw.run(["compare", "data", "--recipe", "recipe.yaml", "--out", "c"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(answer.out.contains("no projection") && answer.out.contains("(12.3)") && answer.out.contains("a paper"))
      #expect(answer.out.contains("share missing"))
      #expect(answer.lastWords.hasPrefix("     Done  c/results.json, c/sweep.json, c/table.md, c/report/index.html   "))
      let results = try Tree(json: read("c/results.json", in: folder))
      let methods = try #require(results[path: "methods"]?.listValue)
      #expect(methods.map { $0[path: "name"] } == ["joint", "no projection"])
      #expect(methods[1][path: "settings.projection.enabled"] == false)
      #expect(methods.allSatisfy { $0[path: "runs"]?.listValue?.count == 2 })
      let sweep = try Tree(json: read("c/sweep.json", in: folder))
      #expect(sweep[path: "ratios"]?.listValue?.compactMap(\.numberValue) == [0, 0.5, 1])

      let run = try Seesaw.run(["evaluate", "c/joint/seed-0", "--sweep", "--json"], in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(try run.json()[path: "ratios"]?.listValue?.count == 11)
      let none = try Seesaw.run(["compare", "data", "--recipe", "none.yaml"], in: folder)
      #expect(none.status == 66 && none.error.contains("none.yaml"))
    }
  }

  @Test("Ctrl-C keeps what is finished, and the same command goes on")
  func interruption() throws {
    try withData { folder in
      let command = [
        "compare", "data", "--methods", "joint", "--seeds", "2", "--jobs", "1", "--out", "c", "--set",
        "training.epochs=150",
      ]
      let running = try Running(command, in: folder, listening: true)
      try running.wait(for: "Comparing  1/8  joint seed 0")
      running.process.interrupt()
      let stopped = try running.end()
      #expect(stopped.status == 130)
      #expect(stopped.error.contains("stopped before the end; what is finished is kept\n  in: c\n"))
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "c/results.json").path))
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "c/joint/seed-0/evaluation.json").path))
      let whole = try Seesaw.run(command + ["--json"], in: folder)
      #expect(whole.status == 0, "\(whole.error)")
      #expect(try whole.json()[path: "methods"]?.listValue?.first?[path: "runs"]?.listValue?.count == 2)
    }
  }

  @Test("a comparison is reported as a page and in three forms, and its runs are listed and shown")
  func reports() throws {
    try withData { folder in
      #expect(try Seesaw.run(three + ["--out", "c", "-q"], in: folder).status == 0)
      try Data("/* Plotly */".utf8).write(to: folder.appending(path: "plotly.min.js"))
      let plotly = ["SEESAW_PLOTLY": folder.path]
      let report = try Seesaw.run(["report", "c", "--out", "pages"], in: folder, environment: plotly)
      #expect(report.status == 0 && report.out == "")
      #expect(report.error == "     Done  pages/table.md, pages/table.tex, pages/table.csv, pages/index.html\n")
      #expect(try read("pages/plotly.min.js", in: folder) == "/* Plotly */")
      let page = try read("pages/index.html", in: folder)
      #expect(page.contains("BalGrad") && !page.contains("http-equiv=\"refresh\""))
      let wrong = try Seesaw.run(["report", "c"], in: folder, environment: ["SEESAW_PLOTLY": "nowhere"])
      #expect(wrong.status == 66 && wrong.error.hasPrefix("error: there is no plotly.min.js in 'nowhere'"))
      let runs = try Seesaw.run(["report", "c/joint/seed-0", "c/balgrad", "--out", "some"], in: folder)
      #expect(runs.status == 0, "\(runs.error)")
      #expect(try read("some/table.csv", in: folder).contains("tiny,accuracy,balgrad,full,"))
      #expect(try read("pages/table.tex", in: folder).contains("\\begin{tabular}"))
      #expect(try read("pages/table.csv", in: folder).hasPrefix("dataset,metric,method"))
      let printed = try Seesaw.run(["report", "c/results.json", "--print", "markdown"], in: folder)
      #expect(printed.status == 0)
      #expect(try printed.out == read("pages/table.md", in: folder))
      let none = try Seesaw.run(["report", "data"], in: folder)
      #expect(none.status == 66 && none.error.hasPrefix("error: there are no results in 'data'"))

      let list = try Seesaw.run(["runs", "ls", "c", "--json"], in: folder)
      let rows = try #require(try list.json().listValue)
      // Six of the methods, and nine of the specialists for everything there and for either modality missing.
      #expect(rows.count == 15 && rows.allSatisfy { $0[path: "status"] == "finished" })
      #expect(rows[0][path: "folder"] == "c/balgrad/seed-0")
      let show = try Seesaw.run(["runs", "show", "c/joint/seed-1"], in: folder)
      #expect(show.status == 0 && show.out.contains("  method     joint\n") && show.out.contains("  seed       1\n"))
      let nothing = try Seesaw.run(["runs", "show", "data"], in: folder)
      #expect(nothing.status == 66)
    }
  }

  @Test("the demo goes from raw samples to table and files, and a second time only reads")
  func demo() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "Data/emoji"))
      let words = ["demo", "--data", "Data/emoji", "--seeds", "2", "--out", "demo"]
      // How long a run took is another time each time.
      func table(_ answer: Answer) -> [Substring] {
        answer.out.split(separator: "\n").filter { !$0.hasPrefix("seconds") }
      }
      let answer = try Seesaw.run(words, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(answer.out.contains("Joint training") && answer.out.contains("BalGrad"))
      #expect(answer.lastWords.hasPrefix("     Done  demo/results.json, demo/table.md, demo/report/index.html   "))
      let again = try Seesaw.run(words, in: folder)
      #expect(again.status == 0 && table(again) == table(answer))
      #expect(again.error.contains(" Features  demo/features, made before\n"))

      // As an older version would have left them: other features of the same samples, other runs of these.
      let manifest = folder.appending(path: "demo/features/dataset.json")
      func change(_ path: String, _ value: Tree) throws {
        var tree: Tree = try Tree.read(from: manifest)
        tree[path: path] = value
        try Data(tree.json().utf8).write(to: manifest)
      }
      let other = folder.appending(path: "demo/joint/own.txt")
      try Data("mine".utf8).write(to: other)
      try change("about.key", "older")
      let renewed = try Seesaw.run(words, in: folder)
      #expect(renewed.status == 0 && table(renewed) == table(answer), "\(renewed.error)")
      #expect(renewed.error.contains("the features in demo/features were made otherwise, and are made anew"))
      #expect(FileManager.default.fileExists(atPath: other.path))
      let record = folder.appending(path: "demo/joint/seed-0/run.json")
      var run: Tree = try Tree.read(from: record)
      run[path: "configuration.training.epochs"] = 3
      try Data(run.json().utf8).write(to: record)
      let rerun = try Seesaw.run(words, in: folder)
      #expect(rerun.status == 0 && table(rerun) == table(answer), "\(rerun.error)")
      #expect(rerun.error.contains("the run in demo/joint/seed-0 was made otherwise, and is begun anew"))

      // Of other samples they are somebody's own.
      try change("about.key", "older")
      try change("about.raw", "/elsewhere")
      let refused = try Seesaw.run(words, in: folder)
      #expect(refused.status == 64 && refused.error.contains("rm -r demo/features"), "\(refused.error)")
    }
  }

  @Test("every method runs, and without a validation split those that need one are left out by name")
  func all() throws {
    try withData { folder in
      let settings = ["--methods", "all", "--seeds", "1", "--no-specialists", "--set", "training.epochs=1"]
      let answer = try Seesaw.run(["compare", "data", "--out", "c", "--json"] + settings, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let known = try #require(Seesaw.run(["methods", "--json"], in: folder).json().listValue?.count)
      #expect(try answer.json()[path: "methods"]?.listValue?.count == known)

      try FileManager.default.removeItem(at: folder.appending(path: "data/validation.safetensors"))
      let fewer = try Seesaw.run(["compare", "data", "--out", "d", "--json"] + settings, in: folder)
      #expect(fewer.status == 0, "\(fewer.error)")
      for name in ["mslr", "g-blending", "relearning"] {
        #expect(fewer.error.contains("'\(name)' is left out: it needs a validation split"))
      }
      #expect(try fewer.json()[path: "methods"]?.listValue?.count == known - 3)
    }
  }
}
