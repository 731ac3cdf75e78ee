import Auditing
import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Synchronization
import TestSupport
import Testing

@testable import Experiments

/// Programs that are asked, and what becomes of those that answer badly.
@Suite("Asking a program")
struct ProgramDoorTests {
  /// A shell script that answers every line; `odd` is done before the line of that number is answered, from 1.
  ///
  /// A text with a `cat` in it is the first class's, any other the second's; without a text both are as likely.
  private static func script(_ odd: String = "", at number: Int = 20) -> String {
    """
    n=0
    while IFS= read -r line; do
      n=$((n+1))
      id=${line#*\\"id\\":\\"}; id=${id%%\\"*}
      case "$line" in
        *'"text":null'*) p=0.5,0.5 ;;
        *cat*) p=0.9,0.1 ;;
        *) p=0.2,0.8 ;;
      esac
      answer="{\\"id\\":\\"$id\\",\\"probabilities\\":[$p]}"
      if [ $n -eq \(number) ]; then :; \(odd.isEmpty ? ":" : odd); fi
      echo "$answer"
    done
    """
  }

  /// Twelve samples of a picture and a text; what a test makes of them lies in `out`.
  private func withData(_ body: (URL, URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder.appending(path: "data"))
      var lines = ["id,image,text,label"]
      for number in 0..<12 {
        let label = number % 2 == 0 ? "cat" : "dog"
        let picture = RGBImage(width: 2, height: 1, pixels: [UInt8](repeating: UInt8(20 * number), count: 6))
        try made.write("\(number).png", picture.png())
        lines.append("s\(number),\(number).png,a \(number == 5 ? "bird" : label) number \(number),\(label)")
      }
      try made.write("samples.csv", lines.joined(separator: "\n") + "\n")
      try body(made.folder, folder.appending(path: "out"))
    }
  }

  private func request(
    _ data: URL, _ out: URL, _ script: String, change: (inout AuditRequest) -> Void = { _ in }
  )
    throws -> AuditRequest
  {
    let file = out.deletingLastPathComponent().appending(path: "program.sh")
    try Data(script.utf8).write(to: file)
    var request = AuditRequest(subject: data, out: out)
    request.door = .program("sh \(file.path)")
    request.swaps = 1
    request.grid = 3
    request.replicates = 2
    request.timeout = 20
    change(&request)
    return request
  }

  @Test("what it answers is the table, and is not asked again")
  func table() throws {
    try withData { data, out in
      let request = try request(data, out, Self.script())
      let summary = try Experiment.audit(request)
      #expect(summary.known == 0 && summary.asked > 12 * 6)
      let table = try PredictionTable(reading: summary.table)
      #expect(table.ids == (0..<12).map { "s\($0)" })
      #expect(table.classes == ["cat", "dog"])
      #expect(table.labels == .classes((0..<12).map { $0 % 2 }))
      #expect(table.conditions["full"]?.values == (0..<12).flatMap { $0 % 2 == 0 ? [0.9, 0.1] : [0.2, 0.8] })
      #expect(table.conditions["absent:text"]?.values == [Double](repeating: 0.5, count: 24))
      // Nobody is told that the text is missing.
      #expect(table.conditions["missing:text"]?.values == (0..<12).flatMap { _ in [0.2, 0.8] })
      #expect(table.conditions["noisy:image"] == table.conditions["full"])
      for swap in table.swaps where swap.modality == "text" {
        #expect(swap.scores.values == swap.index.flatMap { $0 % 2 == 0 ? [0.9, 0.1] : [0.2, 0.8] })
      }
      #expect(summary.record.scores["full"]?.value == 1)
      #expect(summary.record.swap["image"]?.drop == 0)
      #expect(!FileManager.default.fileExists(atPath: out.appending(path: "inputs").path))

      let again = try Experiment.audit(request)
      #expect(again.asked == 0 && again.known == summary.asked)
      #expect(try PredictionTable(reading: again.table) == table)
      // Another program is asked anew.
      let other = try Experiment.audit(self.request(data, out, Self.script() + "\n# changed"))
      #expect(other.known == 0)
    }
  }

  @Test("several processes give the same table")
  func jobs() throws {
    try withData { data, out in
      let one = try Experiment.audit(request(data, out, Self.script()))
      let table = try PredictionTable(reading: one.table)
      let three = try Experiment.audit(
        request(data, out, Self.script()) {
          $0.jobs = 3
          $0.window = 4
          $0.again = true
        })
      #expect(three.known == 0)
      #expect(try PredictionTable(reading: three.table) == table)
    }
  }

  /// What a program does wrong, and what is said of it.
  struct Fault: CustomTestStringConvertible, Sendable {
    let odd: String
    let words: String
    var testDescription: String { words }
  }

  static let faults: [Fault] = [
    Fault(odd: "echo \"$answer\"", words: "answered the request '19' twice"),
    Fault(
      odd: "held=$answer; IFS= read -r line; id=${line#*\\\"id\\\":\\\"}; id=${id%%\\\"*}; "
        + "echo \"{\\\"id\\\":\\\"$id\\\",\\\"probabilities\\\":[0.5,0.5]}\"",
      words: "answered the request '20' before '19'"),
    Fault(odd: "continue", words: "answered the request '20' before '19'"),
    Fault(odd: "answer='{\"id\":\"900000\",\"label\":\"cat\"}'", words: "'900000', which was never made"),
    Fault(odd: "answer=\"{\\\"id\\\":\\\"$id\\\",\\\"probabilities\\\":[NaN,1]}\"", words: "not finite"),
    Fault(odd: "answer=\"{\\\"id\\\":\\\"$id\\\",\\\"probabilities\\\":[1]}\"", words: "has 1 probabilities"),
    Fault(
      odd: "answer=\"{\\\"id\\\":\\\"$id\\\",\\\"label\\\":\\\"cat\\\"}\"",
      words: "with a label alone, and before with probabilities"),
    Fault(odd: "echo 'Loading the model'", words: "the line is not JSON"),
    Fault(odd: "head -c 17000000 /dev/zero | tr '\\0' x", words: "longer than 16 MiB"),
  ]

  @Test("what it does wrong is one sentence with the sample, and what it answered before is kept", arguments: faults)
  func faulty(_ fault: Fault) throws {
    try withData { data, out in
      let odd = "echo 'not well' >&2; \(fault.odd)"
      let diagnosis = try #require(refusal(request(data, out, Self.script(odd))))
      #expect(diagnosis.what.contains(fault.words), "\(diagnosis)")
      #expect(diagnosis.found.contains { $0.contains("sample 's7' (missing:image)") }, "\(diagnosis)")
      #expect(diagnosis.found.contains { $0.contains("not well") }, "\(diagnosis)")
      #expect(diagnosis.exitStatus == .failed)
      // The same program again, which is well now: it says so in a file.
      let well = out.deletingLastPathComponent().appending(path: "well").path
      let healed = Self.script("[ -e \(well) ] || { \(fault.odd); }")
      _ = refusal(try request(data, out, healed))
      try Data().write(to: URL(filePath: well))
      let summary = try Experiment.audit(request(data, out, healed))
      #expect(summary.known >= 19)
      #expect(summary.record.scores["full"]?.value == 1)
    }
  }

  @Test("one that hangs, and one that answers too late, are ended and said so")
  func hanging() throws {
    try withData { data, out in
      let diagnosis = try #require(
        refusal(request(data, out, Self.script("echo 'still loading' >&2; sleep 60")) { $0.timeout = 0.4 }))
      #expect(diagnosis.what.contains("has not answered within 0.4 s"), "\(diagnosis)")
      #expect(diagnosis.found.contains { $0.contains("still loading") }, "\(diagnosis)")
    }
  }

  @Test("one that dies once is started again, and nothing is lost")
  func dying() throws {
    try withData { data, out in
      let mark = out.deletingLastPathComponent().appending(path: "died").path
      let notes = Mutex<[String]>([])
      let request = try request(
        data, out, Self.script("[ -e \(mark) ] || { : > \(mark); echo 'out of memory' >&2; kill -9 $$; }"))
      let summary = try Experiment.audit(request) { event in
        if case .note(let note) = event { notes.withLock { $0.append(note) } }
      }
      #expect(summary.record.samples == 12)
      #expect(summary.record.scores["full"]?.value == 1)
      #expect(notes.withLock { $0 }.contains { $0.contains("is started again: it was ended by the signal 9") })
    }
  }

  @Test("a sample that it dies at twice is listed, counted and left out; the others stay")
  func poison() throws {
    try withData { data, out in
      let script = Self.script().replacing(
        "n=$((n+1))", with: "n=$((n+1)); case \"$line\" in *bird*) echo 'bad bird' >&2; exit 3 ;; esac")
      let summary = try Experiment.audit(request(data, out, script))
      #expect(summary.record.samples == 11)
      let table = try PredictionTable(reading: summary.table)
      #expect(!table.ids.contains("s5"))
      #expect(table.swaps.allSatisfy { $0.index.sorted() == Array(0..<11) })
      let listed = try String(contentsOf: out.appending(path: "left-out.jsonl"), encoding: .utf8)
      #expect(listed.contains(#""id":"s5""#) && listed.contains("exit status 3"))
      #expect(summary.record.notes.contains { $0.contains("1 sample is left out") })
    }
  }

  @Test("one that answers once a start loses no sample")
  func shortLived() throws {
    try withData { data, out in
      let summary = try Experiment.audit(
        request(data, out, Self.script("echo \"$answer\"; exit 0", at: 1)) {
          $0.samples = 2
          $0.swaps = 0
          $0.grid = 0
        })
      #expect(summary.record.samples == 2)
    }
  }

  @Test("one that ends before it answers anything is said to, with its last words")
  func barren() throws {
    try withData { data, out in
      let diagnosis = try #require(refusal(request(data, out, "echo 'no module named torch' >&2; exit 1")))
      #expect(diagnosis.what == "the program ends before it answers anything")
      #expect(
        diagnosis.found == [
          "it ended with the exit status 1", "its last words on standard error:", "  no module named torch",
        ])
    }
  }

  @Test("an audit that is stopped goes on where it was")
  func stopped() throws {
    try withData { data, out in
      let request = try request(data, out, Self.script()) { $0.window = 2 }
      let stop = StopFlag()
      #expect(throws: CancellationError.self) {
        try Experiment.audit(request, stop: stop) { event in
          if case .progress("Asking", let done, _, _) = event, done > 15 { stop.request() }
        }
      }
      let summary = try Experiment.audit(request)
      #expect(summary.known > 15)
      #expect(summary.record.scores["full"]?.value == 1)
    }
  }

  @Test("classes of the model that the data lacks are named, and labels keep their places")
  func classes() throws {
    try withData { data, out in
      let three = Self.script().replacing("[$p]", with: "[0,$p]")
      let diagnosis = try #require(refusal(request(data, out, three)))
      #expect(diagnosis.what.contains("has 3 probabilities, and there are 2 classes"))
      let summary = try Experiment.audit(request(data, out, three) { $0.classes = ["cow", "cat", "dog"] })
      #expect(summary.record.classes == ["cow", "cat", "dog"])
      #expect(summary.record.scores["full"]?.value == 1)
    }
  }

  @Test("words and patches of telling samples are left out one after the other, told beforehand, and not asked twice")
  func parts() throws {
    try withData { data, out in
      let phases = Mutex<[String]>([])
      let request = try request(data, out, Self.script())
      let summary = try Experiment.audit(request) { event in
        if case .phase(let title, let words) = event { phases.withLock { $0.append("\(title) \(words)") } }
      }
      #expect(
        phases.withLock { $0 }.contains {
          $0.hasPrefix("Requests") && $0.contains("more for words and patches (--parts)")
        })
      let telling = try #require(summary.record.telling)
      #expect(summary.record.raw?.hasSuffix("/data/") == true || summary.record.raw?.hasSuffix("/data") == true)
      #expect(telling.count == 4 && telling.allSatisfy { $0.parts != nil })
      let apart = telling.filter { $0.kind == .removalFlips }
      #expect(apart.count == 2 && apart.allSatisfy { $0.modality == "text" })
      for sample in apart {
        let parts = try #require(sample.parts)
        #expect(parts.answer == "cat" && parts.words.map(\.text).prefix(3) == ["a", "cat", "number"])
        #expect(parts.words.map { ($0.value * 1e9).rounded() / 1e9 } == [0, 0.7, 0, 0])
        // Two pixels side by side: a patch each.
        #expect(parts.grid == 1 && parts.patches.allSatisfy { $0 == 0 })
        #expect(parts.shares == ["text": 1, "image": 0] && parts.error == 0 && parts.pairs == 3)
      }
      let again = try Experiment.audit(request)
      #expect(again.asked == 0 && again.known == summary.asked && again.record.telling == telling)
      // A look at the folder keeps what was known of samples.
      let folder = AuditRequest(subject: out, out: out)
      try summary.record.write(to: out)
      #expect(try Experiment.audit(folder).record.telling == telling)
      let without = try Experiment.audit(self.request(data, out, Self.script()) { $0.parts = 0 })
      #expect(without.record.telling?.allSatisfy { $0.parts == nil } == true && without.asked == 0)
    }
  }

  @Test("a program that dies at left-out patches loses that sample's words and patches, and nothing else")
  func partsLost() throws {
    try withData { data, out in
      let script = Self.script().replacing(
        "case \"$line\" in",
        with: "case \"$line\" in *image-parts-0-*) echo 'no such picture' >&2; exit 3 ;; esac\n  case \"$line\" in")
      let summary = try Experiment.audit(request(data, out, script))
      #expect(summary.record.samples == 12 && summary.record.scores["full"]?.value == 1)
      let telling = try #require(summary.record.telling)
      #expect(telling.first { $0.id == "s0" }?.parts == nil)
      #expect(telling.contains { $0.parts != nil })
      #expect(summary.record.notes.contains { $0.contains("words and patches are left out of 's0'") })
      #expect(!FileManager.default.fileExists(atPath: out.appending(path: "left-out.jsonl").path))
    }
  }

  @Test(
    "pictures that lie in a table are files for as long as a request with them is not answered",
    .enabled(if: ReadableFiles.arrow != nil))
  func storedPictures() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "program.sh")
      try Data(
        """
        while IFS= read -r line; do
          id=${line#*\\"id\\":\\"}; id=${id%%\\"*}
          image=${line#*\\"image\\":\\"}; image=${image%%\\"*}
          case "$line" in *'"image":null'*) ;; *) [ -f "$image" ] || { echo "$image is not there" >&2; exit 1; } ;; esac
          echo "{\\"id\\":\\"$id\\",\\"probabilities\\":[0.2,0.8]}"
        done
        """.utf8
      ).write(to: file)
      var request = AuditRequest(
        subject: Conditions.golden("tables/image-text"), out: folder.appending(path: "out"))
      request.door = .program("sh \(file.path)")
      (request.swaps, request.grid, request.replicates) = (2, 3, 2)
      let summary = try Experiment.audit(request)
      #expect(summary.record.samples > 1 && summary.asked > 0)
    }
  }

  @Test("samples without labels can be asked about, once the classes are named")
  func unlabelled() throws {
    try withData { data, out in
      let bare = MadeUpFolder(data)
      try bare.write("samples.csv", "image,text\n" + (0..<6).map { "\($0).png,a \($0 < 3 ? "cat" : "dog")\n" }.joined())
      #expect(
        refusal(try request(data, out, Self.script()) { $0.unlabelled = true })?.what.contains("no labels") == true)
      let summary = try Experiment.audit(
        request(data, out, Self.script()) {
          $0.unlabelled = true
          $0.classes = ["cat", "dog"]
        })
      #expect(summary.record.scores.isEmpty)
      #expect(summary.record.swap["image"]?.divergence == 0)
      #expect((summary.record.swap["text"]?.divergence ?? 0) > 0.1)
    }
  }

  @Test("models of one modality are trained on the rest of the data, and told apart from the model")
  func alone() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "features")
      try SmallFeatureSet().write(to: data)
      let file = folder.appending(path: "program.sh")
      try Data(
        """
        while IFS= read -r line; do
          id=${line#*\\"id\\":\\"}; id=${id%%\\"*}
          echo "{\\"id\\":\\"$id\\",\\"probabilities\\":[0.2,0.3,0.5]}"
        done
        """.utf8
      ).write(to: file)
      var request = AuditRequest(subject: data, out: folder.appending(path: "out"))
      request.door = .program("sh \(file.path)")
      (request.swaps, request.grid, request.replicates, request.alone) = (0, 0, 2, true)
      let summary = try Experiment.audit(request)
      let chance = try #require(summary.record.scores["full"]?.value)
      for name in ["image", "text"] {
        #expect((summary.record.scores["alone:\(name)"]?.value ?? 0) > chance + 0.3, "\(name)")
      }
      #expect(summary.record.routing != nil)
      #expect(summary.record.notes.contains { $0.contains("models of one modality") })
    }
  }

  @Test("features go as numbers, absent ones as null")
  func features() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "features")
      try SmallFeatureSet().write(to: data)
      let file = folder.appending(path: "program.sh")
      try Data(
        """
        while IFS= read -r line; do
          echo "$line" >> \(folder.path)/requests
          id=${line#*\\"id\\":\\"}; id=${id%%\\"*}
          echo "{\\"id\\":\\"$id\\",\\"logits\\":[0,1,2]}"
        done
        """.utf8
      ).write(to: file)
      var request = AuditRequest(subject: data, out: folder.appending(path: "out"))
      request.door = .program("sh \(file.path)")
      request.swaps = 0
      request.grid = 0
      request.replicates = 2
      let summary = try Experiment.audit(request)
      #expect(summary.record.samples > 3)
      let lines = try String(contentsOf: folder.appending(path: "requests"), encoding: .utf8).split(separator: "\n")
      let first = try Tree(json: try #require(lines.first))
      #expect(first[path: "features"]?.tableValue?.count == summary.record.modalities.count)
      #expect(lines.contains { $0.contains(":null") })
    }
  }
}
