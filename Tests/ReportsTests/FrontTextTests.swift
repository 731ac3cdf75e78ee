import Records
import Testing

@testable import Reports

@Suite("The front in words")
struct FrontTextTests {
  static let results = Fixture.results([Fixture.joint, Fixture.narrower, Fixture.wider])

  @Test("for a terminal: a row for each method, and who beats it")
  func text() throws {
    let front = try #require(FrontText(Self.results, titles: ["balgrad": "BalGrad"]))
    #expect(
      front.text == """
        accuracy in % against gap missing, which is better small

                 full  Avg. missing  gap missing  imbalance  front
        joint    86.0  67.7          30.4         –          beaten by BalGrad
        BalGrad  86.3  71.0          26.4         –          on it
        agm      85.0  66.7          36.4         –          beaten by BalGrad
        """)
  }

  @Test("for a page, with names that mean nothing to Markdown")
  func markdown() throws {
    let page = try #require(FrontText(Self.results, titles: ["balgrad": "Bal|Grad"])).markdown
    #expect(page.contains("| Bal\\|Grad | 86.3 | 71.0 | 26.4 | – | on it |"))
    #expect(page.contains("beaten by Bal\\|Grad"))
    #expect(page.hasSuffix("|\n"))
  }

  @Test("the sentence names the row, the next one, and how sure that is", arguments: ParetoFront.Preference.allCases)
  func sentence(preference: ParetoFront.Preference) throws {
    let sentence = try #require(FrontText(Self.results)).sentence(preference)
    let lead =
      switch preference {
      case .robust:
        "Most robust: balgrad, with 71.0 % the best when a modality is missing among rows within 2 points of the best "
          + "full score; joint comes next with 67.7 %, a difference beyond noise (p < 0.001, 4 seeds)."
      case .accurate:
        "Most accurate: balgrad, with 86.3 % the best when everything is there; joint comes next with 86.0 %, a "
          + "difference beyond noise (p = 0.005, 4 seeds)."
      case .balanced:
        "Best balanced: balgrad, with 86.3 % and a gap of 26.4 the best trade-off between the two; joint comes "
          + "next with 86.0 % and a gap of 30.4, a difference beyond noise (p < 0.001, 4 seeds)."
      }
    #expect(sentence == lead)
  }

  @Test("noise is called noise, one seed says nothing, and a difference alike on every seed has no p")
  func noise() throws {
    let close = Fixture.results([Fixture.joint, Fixture.same])
    #expect(try #require(FrontText(close)).sentence(.accurate).contains("a difference within noise (p = "))
    func rows(_ fulls: [[Double]]) -> ComparisonResults {
      Fixture.results(
        fulls.enumerated().map { place, seeds in
          Fixture.runs("row \(place)", seeds.map { [$0, 0.7, 0.5, 0.7, 0.5] })
        })
    }
    let one = try #require(FrontText(rows([[0.9], [0.8]])))
    #expect(one.sentence(.accurate).hasSuffix("and fewer than two common seeds cannot tell whether that is noise."))
    let alike = try #require(FrontText(rows([[0.75, 0.875], [0.5, 0.625]])))
    #expect(alike.sentence(.accurate).hasSuffix("a difference beyond noise, the same on every seed."))
  }

  @Test("what was not measured is said so")
  func unmeasured() throws {
    #expect(FrontText(Fixture.results([Fixture.joint])) == nil)
    let rows = [("near", 0.9, 0.2), ("far", 0.5, 0.1)].map { name, full, image in
      MethodRuns(
        name: name, runs: [MeasuredRun(seed: 0, scores: ["full": full], shapley: ["image": image, "text": 0.3])])
    }
    let front = try #require(FrontText(Fixture.results(rows, metric: "auroc")))
    #expect(front.text.hasPrefix("AUROC in % against imbalance"))
    #expect(
      front.sentence(.robust) == "No row can be picked as the most robust: what that needs was not measured.")
    #expect(front.sentence(.accurate).contains("near, with 90.0 %"))
  }
}
