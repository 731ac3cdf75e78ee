import Records
import Testing

struct SettingRangeTests {
  @Test(
    "ranges say themselves in words",
    arguments: [
      (SettingRange.positive, "above 0"), (.nonNegative, "at least 0"), (.fraction, "from 0 to 1"),
      (.atLeast(1), "at least 1"), (SettingRange(maximum: 0.5), "at most 0.5"),
      (SettingRange(maximum: 2, belowMaximum: true), "below 2"), (SettingRange(), "any number"),
      (SettingRange(minimum: 0, maximum: 1, aboveMinimum: true, belowMaximum: true), "above 0 to below 1"),
    ])
  func words(range: SettingRange, words: String) { #expect(range.words == words) }

  @Test("bounds belong to a range unless they are shut out, and not-a-number never does")
  func contains() {
    #expect(SettingRange.fraction.contains(0))
    #expect(SettingRange.fraction.contains(1))
    #expect(!SettingRange.fraction.contains(1.01))
    #expect(!SettingRange.positive.contains(0))
    #expect(SettingRange.positive.contains(1e-300))
    #expect(!SettingRange(maximum: 1, belowMaximum: true).contains(1))
    #expect(!SettingRange().contains(.nan))
  }

  @Test("a rule holds for every number of a list")
  func lists() {
    let rules: [String: SettingRule] = ["method.widths": .range(.positive)]
    var c = RunConfiguration()
    c.dataset = "x"
    c.method = ["name": "m", "widths": [1, -2]]
    let error = #expect(throws: ConfigurationProblems.self) { try c.validate(methodRules: rules) }
    #expect(error?.problems.map(\.what) == ["is -2, must be above 0"])
  }
}

struct CardsTests {
  @Test(
    "a citation is short in the way of the field",
    arguments: [
      (["Taeg Kwon", "A B", "C D"], "Kwon et al., NAACL 2025"), (["Taeg Kwon", "Ada Lee"], "Kwon and Lee, NAACL 2025"),
      (["Taeg Kwon"], "Kwon, NAACL 2025"), ([], "NAACL 2025"),
    ])
  func citation(authors: [String], short: String) {
    #expect(Citation(authors: authors, title: "t", venue: "NAACL", year: 2025).short == short)
  }

  @Test("a method's rules stand under 'method.'")
  func rules() {
    let card = MethodCard(
      name: "m", title: "M", stage: .objective, summary: "",
      settings: [
        SettingDescription("ramp.form", "", default: "a", allowed: ["a", "b"]),
        SettingDescription("alpha", "", default: 1.0, range: .positive),
      ])
    #expect(card.rules == ["method.ramp.form": .oneOf(["a", "b"]), "method.alpha": .range(.positive)])
  }

  @Test("how many modalities will do")
  func modalities() {
    #expect([1, 2, 3].map(ModalityCount.any.admits) == [true, true, true])
    #expect([1, 2, 3].map(ModalityCount.two.admits) == [false, true, false])
    #expect([1, 2, 3].map(ModalityCount.several.admits) == [false, true, true])
    #expect(ModalityCount.allCases.map(\.words) == ["any number", "two", "two or more"])
  }

  @Test("cards survive as JSON")
  func roundTrip() throws {
    let card = MethodCard(
      name: "m", title: "M", citation: Citation(authors: ["A B"], title: "t", venue: "v", year: 2020, url: "u"),
      stage: .dataInput, summary: "s", needs: ["n"], modalities: .two, departures: ["d"],
      settings: [SettingDescription("k", "s", default: [1, 2.0], range: .fraction)])
    let text = try Tree(encoding: card, keys: .asNamed).json()
    #expect(try Tree(json: text).decode(MethodCard.self, keys: .asNamed) == card)
  }
}
