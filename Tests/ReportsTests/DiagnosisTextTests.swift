import Records
import Reports
import Testing

@Suite("A diagnosis in words")
struct DiagnosisTextTests {
  private func e(_ value: Double, _ low: Double, _ high: Double) -> Estimate {
    Estimate(value, interval95: Interval(low: low, high: high))
  }

  /// A model that leans on text, and leaves half of image unused.
  private func leaning() -> ModelDiagnosis {
    let reliability = Reliability(confidences: [0.9, 0.8], correct: [true, false])
    let confusion = ConfusionMatrix(truth: [0, 1], predictions: [0, 0], classes: 2)
    let evidence = RunEvidence(
      dataset: "cats", task: "single-label", metric: "accuracy", samples: 2, classes: ["cat", "dog"],
      modalities: ["image", "text"],
      conditions: ["full", "image-missing", "text-missing"].map {
        RunEvidence.UnderCondition(condition: $0, score: 0.5, confusion: confusion, reliability: reliability)
      },
      shapley: ShapleyShares(
        score: ["image": .init(0.1), "text": .init(0.5)], probability: ["image": .init(0.1), "text": .init(0.4)],
        classes: ["image": [0.125, nil], "text": [0.5, -0.25]],
        samples: ["image": .init([0.1]), "text": .init([0.4])]),
      telling: [
        TellingSample(
          kind: .removalFlips, modality: "text", row: 7, id: "a7", truth: ["cat"],
          answers: [
            "full": .init(labels: ["cat"], probability: 0.9, truth: 0.9, isRight: true),
            "text-missing": .init(labels: ["dog"], probability: 0.6, truth: 0.4, isRight: false),
          ],
          alone: [:], image: "images/a7.png", text: "a cat\non a mat")
      ])
    return ModelDiagnosis(
      subject: .data, place: "cats", data: "my cats", dataset: "cats", task: "single-label", metric: "accuracy",
      method: "joint", modalities: ["image", "text"], classes: 2, samples: 400, seeds: [0, 1, 2], quick: false,
      chance: 0.25,
      scores: [
        "full": e(0.85, 0.82, 0.88), "image-missing": e(0.75, 0.7, 0.8), "text-missing": e(0.3, 0.26, 0.34),
        "text-absent": e(0.58, 0.5, 0.6),
      ],
      conditions: ["full", "image-missing", "text-missing"],
      leaning: .init(verdict: .leans, modality: "text", above: e(0.45, 0.4, 0.5), strength: 0.75),
      worth: [
        "image": .init(
          adds: e(0.075, 0.05, 0.1), lost: e(0.1, 0.07, 0.13), only: e(0.3, 0.26, 0.34), alone: e(0.6, 0.55, 0.65),
          aloneAboveChance: e(0.35, 0.3, 0.4), unused: e(0.3, 0.25, 0.35), probe: e(0.58, 0.53, 0.63)),
        "text": .init(
          adds: e(0.525, 0.5, 0.55), lost: e(0.55, 0.5, 0.6), only: e(0.75, 0.7, 0.8), alone: e(0.76, 0.7, 0.8),
          aloneAboveChance: e(0.51, 0.45, 0.56), unused: e(0.01, -0.02, 0.04), probe: e(0.76, 0.7, 0.8)),
      ],
      gap: .init(
        strong: "text", weak: "image", model: e(0.45, 0.4, 0.5), data: e(0.16, 0.1, 0.22),
        training: e(0.29, 0.22, 0.36)),
      partings: [
        LossSeparation(
          ahead: "text", behind: "image", step: 26, epoch: 2, steps: 180, epochs: 20, losses: .probe,
          then: ["image": 1, "text": 0.8], end: ["image": 0.7, "text": 0.1]),
        LossSeparation(
          ahead: "text", behind: "image", step: 35, epoch: 3, steps: 180, epochs: 20, losses: .probe,
          then: ["image": 1, "text": 0.8], end: ["image": 0.9, "text": 0.3]),
      ],
      transfer: .init(
        impaired: ["image-missing": e(-0.1, -0.13, -0.07), "text-missing": e(-0.55, -0.6, -0.5)], best: "text",
        chosenBy: "validation", fused: e(0.09, 0.06, 0.12)),
      calibration: [
        "full": .init(error: e(0.03, 0.02, 0.04), overconfidence: e(0.01, -0.01, 0.03)),
        "image-missing": .init(error: e(0.04, 0.02, 0.06), overconfidence: e(-0.06, -0.1, -0.02)),
        "text-missing": .init(error: e(0.3, 0.25, 0.35), overconfidence: e(0.31, 0.27, 0.35)),
      ],
      gradients: .init(conflict: 0.94, cosine: -0.15, updates: ["image": 0.003, "text": 0.005]),
      trial: .init(
        baseline: .init(
          name: "joint", validationFull: 0.85, validationMissing: 0.52, full: Estimate(0), missing: Estimate(0)),
        methods: [
          .init(
            name: "ogm", settings: ["method.modulate=step"], validationFull: 0.84, validationMissing: 0.6,
            full: e(0.003, -0.01, 0.02), missing: e(0.08, 0.05, 0.11)),
          .init(
            name: "ume", validationFull: 0.80, validationMissing: 0.66, full: e(-0.05, -0.08, -0.02),
            missing: e(0.15, 0.1, 0.2)),
        ], seeds: 3, chosen: "ogm"),
      evidence: evidence, notes: ["a note"])
  }

  private func paragraph(_ heading: String, _ diagnosis: ModelDiagnosis) -> String? {
    DiagnosisText(diagnosis, titles: ["joint": "Joint training", "ogm": "OGM"]).paragraphs
      .first { $0.heading == heading }?.text
  }

  @Test("a model that leans on text is told so in every sentence")
  func leans() {
    let found = leaning()
    #expect(
      paragraph("Leans on", found)
        == "text, strongly: it contributes 52.5 points of accuracy, image 7.5 (difference 45.0, 95 % CI 40.0 to 50.0)."
    )
    #expect(
      paragraph("Since", found)
        == "Step 27 to 36 of 180 (epoch 3 to 4 of 20), by seed: from there text is learned faster than image (final training "
        + "loss 0.20 vs 0.80).")
    #expect(
      paragraph("Costs", found)
        == "Without text it scores 30.0 % instead of 85.0 % (-55.0 points, CI -60.0 to -50.0; told so, 58.0 %). A model of "
        + "image alone scores 60.0 %: 30.0 points are given away, not lost. Without image it scores 75.0 % (-10.0 points, "
        + "CI -13.0 to -7.0).")
    #expect(
      paragraph("Why", found)
        == "Trained alone, text reaches 76.0 % and image 60.0 %. Of the 45.0 points between them in this model, 16.0 lie in "
        + "the data and 29.0 (22.0 to 36.0) in training them together. Given only image, this model scores 30.0 %; a model "
        + "of image alone scores 60.0 % (+30.0 points, CI 25.0 to 35.0). The information is there: a linear probe gets "
        + "58.0 %.")
    #expect(
      paragraph("Harm", found)
        == "Combining helps: +9.0 points over the best single modality, text (CI 6.0 to 12.0). "
        + "No impairment makes it better beyond noise.")
    #expect(
      paragraph("Trust", found)
        == "With everything there it is well calibrated (+1.0). Without text it is over-confident by 31.0 points (CI "
        + "27.0 to 35.0): do not act on its confidence there. Without image under-confident by 6.0 points.")
    #expect(
      paragraph("Try", found)
        == "OGM, chosen among 2 by the validation split: on the test split +8.0 points of accuracy with a modality missing "
        + "(5.0 to 11.0), +0.3 with everything there (-1.0 to 2.0), against Joint training, 3 seeds. "
        + "seesaw train 'my cats' --method ogm --set method.modulate=step")
  }

  @Test("the words fill at most 25 lines of 80 columns, then come the tables and the samples")
  func layout() {
    let text = DiagnosisText(leaning(), titles: ["joint": "Joint training"])
    let lines = text.words(width: 80).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count <= 25)
    #expect(lines.allSatisfy { $0.count <= 80 })
    #expect(lines[0] == "cats · accuracy in % · Joint training, 3 seeds · 400 test samples")
    let all = text.text(width: 80)
    #expect(all.hasPrefix(text.words(width: 80)))
    #expect(all.contains("dog    1        0.0    0.0       0.0      –           -25.0"))
    #expect(
      all.contains("  row 7 (a7), cat: right, and without text dog (60.0 %)\n    images/a7.png  \"a cat on a mat\""))
    #expect(all.hasSuffix("note: a note"))
    #expect(text.markdown.contains("**Leans on.** text, strongly"))
  }

  @Test("the answer is the verdict with what fits in 25 lines, the leaning and the advice before all else")
  func answer() {
    var found = leaning()
    let text = DiagnosisText(found, titles: ["joint": "Joint training", "ogm": "OGM"])
    let lines = text.answer(width: 80).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count <= 25 && lines.allSatisfy { $0.count <= 80 })
    #expect(lines[2].hasPrefix("Joint training leans strongly on text; OGM helps: +8.0 points"))
    #expect(text.next == "seesaw train 'my cats' --method ogm --set method.modulate=step --out my-model")
    // However narrow, what it leans on and what to do stay.
    let narrow = text.answer(width: 60)
    #expect(narrow.split(separator: "\n", omittingEmptySubsequences: false).count <= 25)
    #expect(narrow.contains("\nLeans on") && narrow.contains("\nTry"))
    found.trial = nil
    #expect(DiagnosisText(found).next == "seesaw compare 'my cats' --methods all --prefer robust")
  }

  @Test("nobody is said to lean where the interval holds 0, and where it is wide the evidence does not tell")
  func even() {
    var found = leaning()
    found.leaning = .init(verdict: .even, modality: "text", above: e(0.02, -0.03, 0.07), strength: 0.03)
    #expect(
      paragraph("Leans on", found)
        == "No modality beyond noise: text contributes 52.5 points of accuracy, image 7.5 (difference 2.0, 95 % CI -3.0 to "
        + "7.0).")
    found.leaning = .init(verdict: .unclear, modality: "text", above: e(0.1, -0.1, 0.3), strength: 0.1)
    #expect(paragraph("Leans on", found)?.hasPrefix("The evidence does not tell: text contributes") == true)
    found.leaning = .init(verdict: .even, modality: "text", above: e(0.01, 0.005, 0.015), strength: 0.01)
    #expect(paragraph("Leans on", found)?.hasPrefix("No modality by more than a little") == true)
  }

  @Test("a model no better than a constant prediction is told so, and nothing else is claimed of it")
  func nothing() {
    var found = leaning()
    found.leaning.verdict = .learnedNothing
    found.scores["full"] = e(0.26, 0.22, 0.3)
    let headings = DiagnosisText(found).paragraphs.map(\.heading)
    #expect(headings == ["Leans on", "Why", "Trust", "Try"])
    #expect(paragraph("Leans on", found)?.contains("26.0 %, and a constant prediction 25.0 %") == true)
    #expect(paragraph("Try", found)?.hasPrefix("A stronger encoder first") == true)
  }

  @Test("several that add alike are named together")
  func peers() {
    var found = leaning()
    found.modalities = ["image", "text", "audio"]
    found.worth["audio"] = found.worth["text"]
    found.leaning = .init(
      verdict: .leans, modality: "text", peers: ["audio"], above: e(0.45, 0.4, 0.5), strength: 0.5)
    #expect(
      paragraph("Leans on", found)
        == "text and audio alike, strongly: they contribute 52.5 and 52.5 points of accuracy, 45.0 points more each than the "
        + "mean of the others (95 % CI 40.0 to 50.0).")
  }

  @Test("a modality no better than a constant prediction is said to lie in the data")
  func uninformative() {
    var found = leaning()
    found.worth["image"]?.aloneAboveChance = e(0.01, -0.02, 0.04)
    #expect(
      paragraph("Why", found)?.contains("Of these image is no better than a constant prediction (25.0 %)") == true)
  }

  @Test("a gap is laid to the data, to training or to neither, by what models trained alone show")
  func gap() {
    var found = leaning()
    found.gap?.training = e(0.01, -0.03, 0.05)
    #expect(paragraph("Why", found)?.contains("lie in the data: models trained alone are 16.0 apart") == true)
    found.gap?.training = e(-0.1, -0.15, -0.05)
    #expect(paragraph("Why", found)?.contains("the gap lies in the data, and training narrows it") == true)
    found.gap?.training = e(0.5, 0.4, 0.6)
    found.gap?.data = e(-0.05, -0.1, 0)
    found.worth["image"]?.alone = e(0.81, 0.76, 0.86)
    #expect(
      paragraph("Why", found)?.contains(
        "image is the stronger input on its own (81.0 % vs 76.0 %), but this model uses it worse than text (30.0 % vs "
          + "75.0 %): joint training caused that, not the data.") == true)
    found.gap?.model = e(0.01, -0.02, 0.04)
    #expect(paragraph("Why", found)?.contains("training them together") == false)
  }

  @Test("negative transfer in both senses")
  func harm() {
    var found = leaning()
    found.transfer.fused = e(-0.04, -0.06, -0.02)
    found.transfer.impaired["image-missing"] = e(0.05, 0.02, 0.08)
    #expect(
      paragraph("Harm", found)
        == "Combining hurts: -4.0 points against text trained alone (CI -6.0 to -2.0), negative transfer. "
        + "With image missing it is 5.0 points better (2.0 to 8.0): as it is used here, image does harm.")
    found.transfer.fused = e(0.01, -0.01, 0.03)
    #expect(
      paragraph("Harm", found)?.hasPrefix("Combining neither helps nor hurts beyond noise") == true)
  }

  @Test("nothing is advised where nothing is wrong, no method helps, or the difference is noise")
  func advice() {
    var found = leaning()
    found.trial?.methods[0].missing = e(0.02, -0.01, 0.05)
    #expect(paragraph("Try", found)?.contains("its effect on the test split is within noise") == true)
    #expect(paragraph("Try", found)?.contains("seesaw train") == false)
    found.trial?.chosen = nil
    #expect(
      paragraph("Try", found)
        == "None of 2 methods tried is better than Joint training on the validation split with a modality missing. "
        + "Keep Joint training.")
    found.trial = nil
    found.quick = true
    #expect(paragraph("Try", found)?.hasPrefix("Nothing was tried, to be quick") == true)
    found.worth["image"]?.unused = e(0.01, -0.02, 0.04)
    #expect(paragraph("Try", found)?.hasPrefix("No training problem found, but without") == true)
    found.calibration["text-missing"]?.overconfidence = e(0.01, -0.01, 0.03)
    #expect(paragraph("Try", found)?.hasPrefix("No training problem found. Remaining losses") == true)
  }

  @Test("losses that never part, or not in most models, are said to have no moment")
  func since() {
    var found = leaning()
    found.partings = []
    #expect(paragraph("Since", found)?.hasPrefix("No clear moment") == true)
    found = leaning()
    found.partings.removeLast()
    #expect(paragraph("Since", found)?.contains("separate for good in 1 of 3 models") == true)
    found.seeds = [4]
    found.partings[0].step = 0
    found.partings[0].losses = .split
    found.partings[0].ahead = "image"
    found.partings[0].behind = "text"
    #expect(
      paragraph("Since", found)
        == "The first steps: from there image is learned faster than text (final training loss 0.70 vs 0.10). Yet "
        + "predictions depend more on text.")
  }

  @Test("a verdict that would turn with something else in place of a missing input says so")
  func conventions() {
    var found = leaning()
    found.missing = MissingInputs(["image": "encoded-empty", "text": "zeros"])
    found.leaning.conventions = [
      .init(form: .zeros, modality: "image", above: 0.156), .init(form: .mean, modality: "text", above: 0.3),
      .init(form: .told, modality: "image", above: 0.01),
    ]
    #expect(
      paragraph("Leans on", found)?.hasSuffix(
        "This depends on what stands for a missing input (image: what an empty input encodes to; text: zeros): with "
          + "features of zeros image leads by 15.6 points.") == true)
    found.leaning.conventions?[0].modality = "text"
    #expect(paragraph("Leans on", found)?.contains("depends") == false)
  }

  @Test("a bundle of models is an answer too, with the commands that train it")
  func bundle() {
    var found = leaning()
    found.trial?.methods.append(
      .init(
        name: ModelDiagnosis.Tried.bundle, validationFull: 0.85, validationMissing: 0.52, full: Estimate(0),
        missing: Estimate(0), validationAbsent: 0.8, absent: e(0.2, 0.15, 0.25), without: e(0.1, 0.07, 0.12)))
    found.trial?.chosen = ModelDiagnosis.Tried.bundle
    let words = paragraph("Try", found)
    #expect(words?.hasPrefix("Joint training with a second model of each modality alone") == true)
    #expect(words?.contains("+20.0 where it is told (15.0 to 25.0)") == true)
    #expect(words?.contains("--method unimodal --set method.modality=image and seesaw train") == true)
  }
}
