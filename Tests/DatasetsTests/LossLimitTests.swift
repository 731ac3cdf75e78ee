import Datasets
import Records
import Testing

@Suite struct LossLimitTests {
  private func loss(
    rows: Int, of all: Int, classes: Set<String> = ["a", "b"], modalities: Set<String> = ["image", "text"],
    reasons: [String] = []
  ) -> Diagnosis? {
    LossLimit.diagnosis(
      before: .init(rows: all, classes: ["a", "b"], modalities: ["image", "text"]),
      after: .init(rows: all - rows, classes: classes, modalities: modalities), place: "here", reasons: reasons)
  }

  @Test("up to 5 % of the rows may be left out, and one row of any number", arguments: [(0, 10), (1, 6), (5, 100)])
  func allowed(rows: Int, all: Int) {
    #expect(loss(rows: rows, of: all) == nil)
  }

  @Test("more rows than that are a failure that says how many and why")
  func rows() throws {
    let diagnosis = try #require(loss(rows: 6, of: 100, reasons: (1...12).map { "line \($0): no picture" }))
    #expect(diagnosis.what == "too much of the data would be lost: 6 of 100 rows (6 %)")
    #expect(diagnosis.place == "here")
    #expect(diagnosis.found.first == "line 1: no picture")
    #expect(diagnosis.found.last == "… and 2 more")
    #expect(diagnosis.remedy?.contains("--allow-loss") == true)
    #expect(diagnosis.exitStatus == .input)
  }

  @Test("a class or a modality that is lost is a failure however few the rows are")
  func classesAndModalities() throws {
    let diagnosis = try #require(loss(rows: 1, of: 100, classes: ["b"], modalities: []))
    #expect(
      diagnosis.what
        == "too much of the data would be lost: all of the class 'a' and all of the modalities 'image', 'text'")
  }
}
