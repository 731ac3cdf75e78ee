import Evaluation
import Multimodal
import Records
import Testing

@Suite("Impairments by name")
struct NamedImpairmentTests {
  private func parsed(_ list: String, _ kinds: [RawInput.Kind] = [.image, .text]) throws -> [String] {
    try ChosenImpairment.parse(list, kinds: kinds).map { "\($0.condition) \($0.words)" }
  }

  @Test("names are different, and usual strengths are strengths")
  func catalogue() {
    let names = NamedImpairment.all.map(\.name)
    #expect(Set(names).count == names.count && Set(names).isDisjoint(with: ["missing", "noisy", "swapped", "flipped"]))
    for impairment in NamedImpairment.all { #expect(impairment.range.contains(impairment.usual)) }
  }

  @Test("a list of names and strengths; without a strength the usual one is meant")
  func lists() throws {
    #expect(try parsed("") == [])
    #expect(
      try parsed("blur=2, typos=0.2,gaussian") == [
        "image-blur blur=2", "text-typos typos=0.2", "image-gaussian gaussian=60",
      ])
    #expect(try parsed("Low_Resolution,lowresolution=8") == ["image-low-resolution low-resolution=8"])
    #expect(try parsed("missing,noisy,swapped") == [])
    #expect(try parsed("jpeg=5,jpeg=20") == ["image-jpeg-5 jpeg=5", "image-jpeg-20 jpeg=20"])
    #expect(
      try parsed("all", [.text]).map { $0.split(separator: " ")[0] } == [
        "text-deletion", "text-typos", "text-shuffle", "text-truncation",
      ])
    let blur = try #require(try ChosenImpairment.parse("blur=2", kinds: [.image]).first)
    #expect(blur.raw as? GaussianBlur == GaussianBlur(deviation: 2))
  }

  @Test(
    "what cannot be used is said in one sentence",
    arguments: [
      ("blurr", "there is no impairment 'blurr'; did you mean 'blur'?"),
      ("snr", "'snr' is done to sounds, and the data has none"),
      ("blur=much", "the strength of 'blur' is 'much', not a number"),
      ("blur=", "the strength of 'blur' is '', not a number"),
      ("typos=1.5", "the strength of 'typos' is 1.5, must be from 0 to 1 (share of the letters)"),
      ("typos=nan", "the strength of 'typos' is nan, must be from 0 to 1 (share of the letters)"),
      ("gaussian=-1", "the strength of 'gaussian' is -1, must be from 0 to 255 (standard deviation, in 256 levels)"),
      ("jpeg=5.5", "the strength of 'jpeg' is 5.5, must be a whole number from 1 to 100 (quality)"),
      ("noisy=0.5", "there is no impairment 'noisy'"),
    ])
  func wrong(_ list: String, _ sentence: String) throws {
    let error = #expect(throws: Diagnosis.self) { try parsed(list) }
    #expect(error?.what.hasPrefix(sentence) == true, "\(error?.what ?? "")")
    #expect(error?.exitStatus == .usage)
  }

  @Test("all that is wrong is told at once")
  func several() throws {
    let error = #expect(throws: Diagnosis.self) { try parsed("blur=-1,nothing=3") }
    #expect(error?.what == "2 impairments cannot be used" && error?.found.count == 2)
  }
}
