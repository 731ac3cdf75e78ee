import Foundation
import Records
import TestSupport
import Testing

/// From a table with a column of prices to a page, as somebody would go.
@Suite("A regression from raw samples to its page")
struct RegressionTests {
  private let settings = [
    "--set", "training.epochs=8", "--set", "training.batch_size=8", "--set", "training.threads=1",
  ]

  /// Sixty texts that say their price in words, and a picture as bright as it; one row has none.
  private func write(to folder: URL) throws {
    let words = ["cheap", "plain", "fair", "fine", "dear", "grand"]
    var rows = ["id,image,text,price,split"]
    for number in 0..<60 {
      let level = number * 7 % 6
      let split = number % 5 == 4 ? "test" : number % 5 == 3 ? "validation" : "train"
      let price = number == 12 ? "Rs 20" : "\(10 + 5 * level).5"
      rows.append("p\(number),\(number).png,a \(words[level]) thing number \(number),\(price),\(split)")
      let shade = UInt8(30 * level + number % 7)
      try TinyRaw.png(width: 8, height: 8) { x, y in [shade, UInt8((x * 17 + number) % 256), UInt8(y * 9)] }
        .write(to: folder.appending(path: "\(number).png"))
    }
    try Data((rows.joined(separator: "\n") + "\n").utf8).write(to: folder.appending(path: "samples.csv"))
  }

  /// Words that belong to classes.
  private func ofClasses(_ text: String) -> [String] {
    ["accuracy", "confiden", "calibrat", "0 classes", "F1"].filter { text.localizedCaseInsensitiveContains($0) }
  }

  @Test("check, encode, train, evaluate, predict, compare, diagnose and report speak of a number and of no class")
  func way() throws {
    try withTemporaryFolder { folder in
      let raw = folder.appending(path: "shop")
      try FileManager.default.createDirectory(at: raw, withIntermediateDirectories: true)
      try write(to: raw)
      func run(_ arguments: [String], status: Int32 = 0) throws -> Answer {
        let answer = try Seesaw.run(arguments, in: folder)
        #expect(answer.status == status, "\(arguments): \(answer.error)")
        return answer
      }
      let table = ["--columns", "label=price", "--task", "regression"]
      let check = try run(["check", "shop"] + table)
      #expect(check.out.contains("target: a number from 10.5 to 35.5, "))
      #expect(check.out.contains("--task regression") && ofClasses(check.out).isEmpty)
      let encode = try run(
        [
          "encode", "shop", "--image-encoder", "hog-colour", "--text-encoder", "hashed-ngrams", "--views", "none",
          "--allow-loss", "--out", "data",
        ] + table)
      #expect(encode.error.contains("59 samples, a number to predict"))
      #expect(
        try String(contentsOf: folder.appending(path: "data/quarantine.jsonl"), encoding: .utf8)
          .contains("its target 'Rs 20' is not a number"))
      #expect(try run(["check", "data"]).out.contains("target: a number; regression, scored by r2"))

      _ = try run(["train", "data", "--out", "run"] + settings)
      let scores = try run(["evaluate", "run"]).out
      #expect(scores.contains("R² in %") && scores.contains("MAE") && scores.contains("RMSE"))
      #expect(ofClasses(scores).isEmpty, "\(scores)")
      let one = try run(["predict", "run", "--text", "a dear thing"])
      #expect(one.out.contains("the run is off by ") && ofClasses(one.out).isEmpty, "\(one.out)")
      let line = try run(["predict", "run", "--text", "a dear thing", "--json"]).json()
      #expect(
        line[path: "value"]?.numberValue != nil && line[path: "labels"] == nil && line[path: "probabilities"] == nil)
      let all = try run(["predict", "run", "shop", "--columns", "label=price", "--split", "test"]).out
      #expect(all.split(separator: "\n").count == 12)

      let refused = try run(["train", "data", "--method", "ogm"], status: 64)
      #expect(refused.error.contains("'ogm' means nothing for a regression: it compares the modalities"))
      let compare = try run(
        ["compare", "data", "--methods", "joint,uniform,balgrad", "--seeds", "2", "--out", "cmp"] + settings)
      #expect(compare.out.contains("R² in %") && ofClasses(compare.out).isEmpty, "\(compare.out)")
      let diagnose = try run(["diagnose", "data", "--quick", "--out", "d", "--tables"] + settings)
      #expect(diagnose.out.contains("R² in %") && ofClasses(diagnose.out).isEmpty, "\(diagnose.out)")
      let diagnosis = try Tree(json: String(contentsOf: folder.appending(path: "d/diagnosis.json"), encoding: .utf8))
      #expect(diagnosis[path: "task"] == "regression" && diagnosis[path: "audit"] == nil)
      #expect(diagnosis[path: "calibration"]?.tableValue?.isEmpty == true)
      for place in ["cmp", "run", "d"] {
        _ = try run(["report", place, "--out", "page-\(place)"])
        let html = try String(contentsOf: folder.appending(path: "page-\(place)/index.html"), encoding: .utf8)
        #expect(
          !html.contains("id=\"confusion\"") && !html.contains("id=\"calibration\"")
            && !html.contains("id=\"by-sample\""))
        #expect(html.contains("R²"))
      }
    }
  }
}
