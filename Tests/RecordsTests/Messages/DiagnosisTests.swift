import Foundation
import Records
import TestSupport
import Testing

struct DiagnosisTests {
  @Test("a diagnosis reads: what, place, evidence, remedy")
  func rendering() {
    let diagnosis = Diagnosis(
      "no method is called 'balgard'", place: "hm.yaml, method.name", found: ["one", "two\nthree"],
      remedy: "did you mean 'balgrad'?\nseesaw methods lists all", exitStatus: .usage)
    #expect(
      "\(diagnosis)" == """
        error: no method is called 'balgard'
          in: hm.yaml, method.name
          one
          two
          three
          did you mean 'balgrad'?
          seesaw methods lists all
        """)
  }

  @Test("parts with nothing to say are left out")
  func shortRendering() { #expect("\(Diagnosis("the disk is full"))" == "error: the disk is full") }

  @Test("a place is added only where there is none")
  func placing() {
    #expect(Diagnosis("x").placed(in: "a").place == "a")
    #expect(Diagnosis("x", place: "b").placed(in: "a").place == "b")
  }

  @Test("the exit statuses are those promised")
  func statuses() { #expect(Records.ExitStatus.allCases.map(\.rawValue) == [0, 1, 2, 64, 66, 70, 75, 130]) }

  @Test("an error that nobody translated asks to be reported, with status 70")
  func unknown() {
    struct Odd: Error {}
    let diagnosis = Diagnosis(describing: Odd())
    #expect(diagnosis.exitStatus == .defect)
    #expect(diagnosis.remedy?.contains("report") == true)
    #expect(diagnosis.found == ["Odd()"])
  }

  @Test("an error that knows itself is taken at its word")
  func known() {
    #expect(Diagnosis(describing: UnknownChoice(found: "x", allowed: ["a"])).what == "'x' is not one of a")
  }

  @Test("being cancelled is an interruption")
  func cancelled() { #expect(Diagnosis(describing: CancellationError()).exitStatus == .interrupted) }

  @Test(
    "numbers of the kernel become sentences",
    arguments: [
      (POSIXErrorCode.ENOSPC, "the disk is full", Records.ExitStatus.failed),
      (.EACCES, "no permission to read or write here", .input), (.EROFS, "the disk is read-only", .input),
      (.ENOENT, "no such file or folder", .input), (.EISDIR, "a folder where a file was expected", .input),
    ])
  func posix(code: POSIXErrorCode, what: String, status: Records.ExitStatus) {
    let diagnosis = Diagnosis(describing: POSIXError(code))
    #expect(diagnosis.what == what)
    #expect(diagnosis.exitStatus == status)
    let wrapped = NSError(
      domain: NSCocoaErrorDomain, code: CocoaError.Code.fileWriteUnknown.rawValue,
      userInfo: [NSUnderlyingErrorKey: POSIXError(code), NSFilePathErrorKey: "a/b"])
    #expect(Diagnosis(describing: wrapped).what == what)
    #expect(Diagnosis(describing: wrapped).place == "a/b")
  }

  @Test("a file that Foundation does not find is told with its path")
  func missingFile() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "none.json")
      let error = #expect(throws: (any Error).self) { try Data(contentsOf: url) }
      let diagnosis = Diagnosis(describing: try #require(error))
      #expect(diagnosis.what == "no such file or folder")
      #expect(diagnosis.place?.hasSuffix("none.json") == true)
    }
  }

  @Test("a decoding error names the setting and what it needs")
  func decoding() throws {
    let tree: Tree = ["training": ["epochs": "many"]]
    let defaults = try Tree(encoding: RunConfiguration())
    let error = #expect(throws: DecodingError.self) {
      try defaults.overlaid(with: tree).decode(RunConfiguration.self)
    }
    let diagnosis = Diagnosis(describing: try #require(error))
    #expect(diagnosis.what == "a whole number is needed, found 'many'")
    #expect(diagnosis.place == "training.epochs")
    #expect(diagnosis.exitStatus == .usage)
  }

  @Test("what Foundation's reader refuses is no defect of ours, and reads in our form")
  func foundationDecoding() throws {
    let error = #expect(throws: DecodingError.self) { try JSONDecoder().decode([Int].self, from: Data("[1".utf8)) }
    let diagnosis = Diagnosis(describing: try #require(error))
    #expect(diagnosis.exitStatus == .usage)
    #expect(diagnosis.what.first?.isLowercase == true)
    #expect(diagnosis.what.last != ".")
  }

  @Test("a missing key is told by its path, in the file's spelling")
  func missingKey() throws {
    let error = #expect(throws: DecodingError.self) {
      try Tree.table(["form": "step"]).decode(ScheduleSettings.self)
    }
    #expect(Diagnosis(describing: try #require(error)).what == "'step_size' is missing")
  }

  @Test("a word that is no choice is told with the choices")
  func choice() throws {
    let error = #expect(throws: DecodingError.self) {
      try Tree.table(["embedding_width": 1, "encoders": [:], "fusion": "glue"]).decode(ModelSettings.self)
    }
    let diagnosis = Diagnosis(describing: try #require(error))
    #expect(diagnosis.what == "'glue' is not one of \(FusionForm.allowed.joined(separator: ", "))")
    #expect(diagnosis.place == "fusion")
  }
}

struct NearestTests {
  @Test(
    "the nearest name is found through case, dashes, swaps and slips",
    arguments: [
      ("balgard", "balgrad"), ("OGM_GE", "ogm-ge"), ("ogmge", "ogm-ge"), ("jont", "joint"), ("wieght", "weight"),
    ])
  func found(typed: String, meant: String) {
    #expect(nearest(to: typed, in: ["joint", "balgrad", "ogm-ge", "weight"]) == meant)
  }

  @Test("what resembles nothing has no nearest", arguments: ["resnet", "", "x", "qq"])
  func notFound(typed: String) { #expect(nearest(to: typed, in: ["joint", "balgrad", "ogm-ge"]) == nil) }

  @Test("of equally near names the first is taken")
  func ties() { #expect(nearest(to: "beta", in: ["beta1", "beta2"]) == "beta1") }

  @Test(
    "distances are counted in edits, a swap as one",
    arguments: [("", "", 0), ("a", "", 1), ("abc", "acb", 1), ("kitten", "sitting", 3), ("flaw", "lawn", 2)])
  func distance(a: String, b: String, edits: Int) {
    #expect(editDistance(a, b) == edits)
    #expect(editDistance(b, a) == edits)
  }
}
