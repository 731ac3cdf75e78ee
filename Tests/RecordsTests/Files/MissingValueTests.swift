import Records
import Testing

struct MissingValueTests {
  @Test(
    "empty, blank and spelt-out missing values are missing",
    arguments: [
      "", " ", "\t\n", "\u{a0}", "nan", "NaN", "NAN", " nan ", "-nan", "null", "NULL", "Null", "None", "NONE", "N/A",
      "n/a",
      "NA", "<NA>", "#N/A", "NaT", "1.#QNAN",
    ])
  func missing(text: String) { #expect(MissingValue.isMissing(text)) }

  @Test(
    "words that only look like it are not",
    arguments: [
      "none", "na", "Nan said so", "nancy", "0", "-", "?", "unknown", "false", "N", "NA NA", "null hypothesis",
    ])
  func present(text: String) {
    #expect(!MissingValue.isMissing(text))
    #expect(MissingValue.present(text) == text)
  }

  @Test("names of classes that look like missing values are known as such")
  func alike() {
    #expect(["none", "None", "na", "?", "Unknown"].allSatisfy(MissingValue.isLike))
    #expect(!["cat", "nothing", "no"].contains(where: MissingValue.isLike))
  }
}
