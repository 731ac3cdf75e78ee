import Records
import Reports
import Testing

struct FindingsTests {
  func findings(_ methods: [MethodRuns], baseline: String? = nil, titles: [String: String] = [:]) -> Findings {
    Findings(Fixture.results(methods), baseline: baseline, titles: titles)
  }

  func first(_ runs: MethodRuns, _ count: Int) -> MethodRuns {
    MethodRuns(name: runs.name, settings: runs.settings, runs: Array(runs.runs.prefix(count)))
  }

  // MARK: Leaning

  @Test("a modality whose absence costs clearly more is leant on")
  func leans() {
    #expect(
      findings([Fixture.joint]).leaning
        == "joint leans on text: its accuracy is 52.4 % without text and 82.9 % without image, against 86.0 % with "
        + "everything there, 30.4 points apart (95 % interval 29.6 to 31.2, 4 seeds).")
  }

  @Test("a difference within the spread of the seeds is no leaning")
  func leansOnNothing() {
    let runs = Fixture.runs("joint", [[0.8, 0.70, 0.71, 0, 0], [0.8, 0.72, 0.70, 0, 0], [0.8, 0.70, 0.72, 0, 0]])
    #expect(
      findings([runs]).leaning
        == "joint leans on no modality beyond noise: its accuracy is 70.7 % without image and 71.0 % without text, "
        + "against 80.0 % with everything there, over 3 seeds.")
  }

  @Test("one seed seems, and says nothing of the spread")
  func oneSeed() {
    #expect(
      findings([first(Fixture.joint, 1)]).leaning
        == "joint seems to lean on text: its accuracy is 52.4 % without text and 82.8 % without image, against 86.0 % "
        + "with everything there, 30.4 points apart, from one seed, which says nothing of the spread.")
    #expect(
      findings([Fixture.runs("joint", [[0.8, 0.5, 0.5, 0, 0]])]).leaning
        == "With one seed joint leans on no modality: its accuracy is 50.0 % without image and 50.0 % without text, "
        + "against 80.0 % with everything there.")
  }

  @Test("where nothing was left out, noise is the measure")
  func noise() {
    let conditions = ["full", "image-noisy", "text-noisy"]
    let runs = Fixture.runs("joint", [[0.8, 0.5, 0.7], [0.8, 0.51, 0.7], [0.8, 0.5, 0.71]], conditions: conditions)
    #expect(
      Findings(Fixture.results([runs], conditions: conditions, metric: "macro-f1")).leaning
        == "joint leans on image: its macro F1 is 50.3 % with image noisy and 70.3 % with text noisy, against 80.0 % "
        + "with everything there, 20.0 points apart (95 % interval 17.5 to 22.5, 3 seeds).")
  }

  @Test("of three modalities the worst to lose is compared with the next")
  func threeModalities() {
    let conditions = ["full", "audio-missing", "image-missing", "text-missing"]
    let runs = Fixture.runs("joint", [[0.9, 0.8, 0.5, 0.3], [0.9, 0.8, 0.52, 0.3]], conditions: conditions)
    let results = Fixture.results([runs], conditions: conditions, modalities: ["audio", "image", "text"])
    #expect(
      Findings(results).leaning
        == "joint leans on text: its accuracy is 30.0 % without text and 51.0 % without image and 80.0 % without audio, "
        + "against 90.0 % with everything there, 21.0 points apart (95 % interval 8.3 to 33.7, 2 seeds).")
  }

  @Test("what was not measured is not claimed")
  func nothing() {
    let full = Fixture.runs("joint", [[0.9]], conditions: ["full"])
    #expect(
      Findings(Fixture.results([full], conditions: ["full"])).sentences == [
        "Which modality joint leans on is not known: no two modalities were impaired alike.",
        "Whether a method narrows the gap is not known either.",
      ])
    #expect(
      Findings(Fixture.results([])).sentences == [
        "Nothing was measured to say which modality a model leans on.", "No method can be compared.",
      ])
  }

  @Test("the baseline is joint, else the first, else whom one names; titles are used")
  func baseline() {
    #expect(findings([Fixture.wider, Fixture.joint]).leaning.hasPrefix("joint leans"))
    #expect(findings([Fixture.wider, Fixture.same]).leaning.hasPrefix("agm leans"))
    #expect(findings([Fixture.wider, Fixture.joint], baseline: "agm").leaning.hasPrefix("agm leans"))
    #expect(findings([Fixture.joint], titles: ["joint": "Joint training"]).leaning.hasPrefix("Joint training leans"))
  }

  // MARK: Narrowing

  @Test("a method that narrows the gap is named, with what it costs")
  func narrows() {
    #expect(
      findings([Fixture.joint, Fixture.narrower]).narrowing
        == "balgrad reduced the gap: 30.4 → 26.4 points (95 % CI of the change -4.4 to -3.7, p < 0.001, 4 seeds); its "
        + "accuracy went from 86.0 % to 86.3 % with everything there and from 67.7 % to 71.0 % averaged over missing "
        + "modalities.")
  }

  @Test("a difference within noise is plainly none")
  func doesNotNarrow() {
    #expect(
      findings([Fixture.joint, Fixture.same]).narrowing
        == "ogm-ge did not reduce the gap: 30.4 → 30.4 points, not significant (95 % CI of the change -1.8 to 1.8, "
        + "p = 0.967, 4 seeds).")
  }

  @Test("a method that widens the gap is told so")
  func widens() {
    #expect(
      findings([Fixture.joint, Fixture.wider]).narrowing
        == "agm increased the gap: 30.4 → 36.4 points (95 % CI of the change 5.8 to 6.2, p < 0.001, 4 seeds); its "
        + "accuracy went from 86.0 % to 85.0 % with everything there and from 67.7 % to 66.7 % averaged over missing "
        + "modalities.")
  }

  @Test("of several methods those that narrow it are named, the best with numbers")
  func several() {
    let both = MethodRuns(name: "cml", runs: Fixture.narrower.runs)
    #expect(
      findings([Fixture.joint, Fixture.same, Fixture.narrower]).narrowing
        .hasPrefix("Of 2 methods only balgrad reduced the gap: 30.4 → 26.4 points ("))
    #expect(
      findings([Fixture.joint, Fixture.narrower, both]).narrowing
        .hasPrefix("balgrad and cml reduced the gap, balgrad most: 30.4 → 26.4 points ("))
  }

  @Test("where none of several narrows it, that is said, and who widens it")
  func noneOfSeveral() {
    #expect(
      findings([Fixture.joint, Fixture.same, Fixture.wider]).narrowing
        == "Neither method reduced the gap, and agm increased it; the smallest gap is ogm-ge's: 30.4 → 30.4 points, not "
        + "significant (95 % CI of the change -1.8 to 1.8, p = 0.967 corrected for 2 methods, 4 seeds)."
    )
  }

  @Test("a p below 0.05 that does not survive that many methods is noise")
  func correction() {
    // One test of p ≈ 0.03: enough for one method, not as the best of three.
    let base = Fixture.runs("joint", [[0.9, 0.8, 0.50, 0, 0], [0.9, 0.8, 0.50, 0, 0], [0.9, 0.8, 0.50, 0, 0]])
    let lucky = Fixture.runs("lucky", [[0.9, 0.8, 0.52, 0, 0], [0.9, 0.8, 0.53, 0, 0], [0.9, 0.8, 0.54, 0, 0]])
    let plain = ["a", "b"].map {
      Fixture.runs($0, [[0.9, 0.8, 0.51, 0, 0], [0.9, 0.8, 0.49, 0, 0], [0.9, 0.8, 0.50, 0, 0]])
    }
    #expect(findings([base, lucky]).narrowing.hasPrefix("lucky reduced the gap"))
    #expect(findings([base, lucky] + plain).narrowing.hasPrefix("None of the 3 methods reduced the gap"))
  }

  @Test("one seed tells nothing from noise")
  func oneSeedNarrowing() {
    #expect(
      findings([first(Fixture.joint, 1), first(Fixture.narrower, 1)]).narrowing
        == "With one seed no difference can be told from noise: that gap is 30.4 points for joint, and for balgrad "
        + "26.3 points.")
  }

  @Test("the same difference on every seed is no evidence over seeds")
  func constantDifference() {
    let shifted = Fixture.runs(
      "m",
      [
        [0.86, 0.828, 0.624, 0, 0], [0.86, 0.830, 0.620, 0, 0], [0.86, 0.826, 0.628, 0, 0], [0.86, 0.831, 0.626, 0, 0],
      ])
    #expect(
      findings([Fixture.joint, shifted]).narrowing
        == "m did not reduce the gap: 30.4 → 20.4 points, not significant (p = 1.000, 4 seeds).")
  }

  @Test("a baseline alone has nobody beside it")
  func alone() { #expect(findings([Fixture.joint]).narrowing == "No other method was compared on that gap.") }

  @Test("a run that has begun and not ended says nothing of the leaning")
  func nothingMeasured() {
    let begun = MethodRuns(name: "joint", runs: [MeasuredRun(seed: 0, scores: [:], seconds: 1)])
    #expect(
      Findings(Fixture.results([begun], conditions: [])).leaning
        == "Nothing was measured to say which modality a model leans on.")
  }
}
