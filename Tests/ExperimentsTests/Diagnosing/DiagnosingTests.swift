import Datasets
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@Suite("Diagnosing")
struct DiagnosingTests {
  /// Writes a data set of which it is known what each modality, `a` and `b`, contributes.
  private func write(
    _ kind: ContributionData.Kind, to folder: URL, task: PredictionTask = .singleLabel, hasValidation: Bool = true,
    test: Int = 120
  ) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let classes = task == .multiLabel ? ["low", "high"] : ["0", "1", "2", "3"]
    try DatasetManifest(
      name: kind.rawValue, task: task, classes: classes, modalities: ["a", "b"],
      metric: DatasetManifest.usualMetric(task)
    ).write(to: folder)
    for (split, count) in [("train", 160), ("validation", 60), ("test", test)]
    where split != "validation" || hasValidation {
      let data = ContributionData(kind, split, count: count)
      // Of several labels a sample has one for each bit of its class.
      let labels =
        task == .multiLabel
        ? try Tensor(data.labels.flatMap { [$0 & 1, $0 >> 1] }, shape: [count, 2]).to(.uint8) : try Tensor(data.labels)
      try SafeTensors.write(
        try zip(["a", "b"], data.features).map { ($0, try Tensor($1, shape: [count, ContributionData.width])) }
          + [("labels", labels)], to: folder.appending(path: "\(split).safetensors"))
    }
  }

  private func request(_ data: URL, _ out: URL, seeds: Int = 2) -> DiagnoseRequest {
    var request = DiagnoseRequest(subject: data, out: out)
    request.seeds = seeds
    request.settings = [
      "training.threads=1", "training.batch_size=32", "training.epochs=6", "optimizer.learning_rate=0.02",
      "model.embedding_width=8",
    ]
    request.methods = ["uniform"]
    request.replicates = 200
    return request
  }

  @Test("while somebody is at work in the folder it is refused; the lock is let go of at the end, whatever that is")
  func locked() throws {
    try withTemporaryFolder { folder in
      try write(.firstOnly, to: folder.appending(path: "data"))
      let out = folder.appending(path: "out")
      var request = request(folder.appending(path: "data"), out)
      let lock = try FolderLock(inside: out)
      let refusal = #expect(throws: Diagnosis.self) { try Experiment.diagnose(request) }
      #expect(refusal?.what == "somebody else is writing here")
      #expect(try FileManager.default.contentsOfDirectory(atPath: out.path) == [".lock"])
      lock.release()
      let stop = StopFlag()
      stop.request()
      request.quick = true
      #expect(throws: CancellationError.self) { try Experiment.diagnose(request, stop: stop) }
      #expect(FolderLock.holder(inside: out) == nil)
    }
  }

  private func diagnose(_ kind: ContributionData.Kind, in folder: URL) throws -> ModelDiagnosis {
    let data = folder.appending(path: "data")
    try write(kind, to: data)
    return try Experiment.diagnose(request(data, folder.appending(path: "out")))
  }

  @Test(
    "of a modality that tells all and one that tells nothing, the first is leaned on, and nothing is wrong with that")
  func firstOnly() throws {
    try withTemporaryFolder { folder in
      let found = try diagnose(.firstOnly, in: folder)
      #expect(found.leaning.verdict == .leans)
      #expect(found.leaning.modality == "a")
      #expect(found.leaning.strength > 0.8)
      let truth = try #require(ContributionData.contributions(.firstOnly))
      #expect(abs((found.worth["a"]?.adds.value ?? 0) - truth[0]) < 0.1)
      #expect(abs((found.worth["b"]?.adds.value ?? 9) - truth[1]) < 0.1)
      #expect(found.worth["a"]?.isInformative == true)
      #expect(found.worth["b"]?.isInformative == false)
      #expect(!found.problems.contains(.unused("b")))
      #expect(abs(found.chance - 0.25) < 1e-9)
      #expect(found.transfer.best == "a")
      #expect(found.transfer.chosenBy == "validation")
    }
  }

  @Test(
    "modalities that each tell all, or half each, are leaned on alike",
    arguments: [
      ContributionData.Kind.redundant, .complementary,
    ])
  func alike(kind: ContributionData.Kind) throws {
    try withTemporaryFolder { folder in
      let found = try diagnose(kind, in: folder)
      // So few test samples do not always tell that they are even; that one is leaned on they never say.
      #expect([.even, .unclear].contains(found.leaning.verdict), "\(found.leaning)")
      #expect(found.worth["a"]?.isInformative == true && found.worth["b"]?.isInformative == true)
      let truth = try #require(ContributionData.contributions(kind))
      for (name, value) in zip(["a", "b"], truth) { #expect(abs((found.worth[name]?.adds.value ?? 9) - value) < 0.08) }
      if kind == .complementary {
        #expect(found.transfer.fused.isAbove(0.2))
        #expect(abs((found.worth["a"]?.alone.value ?? 0) - 0.5) < 0.1)
      }
    }
  }

  @Test("from noise nothing is learned, and nothing is claimed")
  func noise() throws {
    try withTemporaryFolder { folder in
      let found = try diagnose(.noise, in: folder)
      #expect(found.leaning.verdict == .learnedNothing)
      #expect(found.worth.values.allSatisfy { !$0.isInformative })
      #expect(found.trial == nil || found.trial?.helps == false)
    }
  }

  @Test("the numbers are those of the models: the score table's, and what the weights' predictions give")
  func numbers() throws {
    try withTemporaryFolder { folder in
      let found = try diagnose(.secondHarder, in: folder)
      let out = folder.appending(path: "out")
      let tables = try [0, 1].map { try RunFolder(out.appending(path: "runs/joint/seed-\($0)")).readEvaluation() }
      for condition in ["full", "a-missing", "b-missing"] {
        let mean = tables.reduce(0) { $0 + ($1.scores[condition] ?? .nan) } / 2
        #expect(abs((found.scores[condition]?.value ?? 9) - mean) < 1e-9)
      }
      let shapley = tables.reduce(0) { $0 + ($1.shapley?["a"] ?? .nan) } / 2
      #expect(abs((found.worth["a"]?.adds.value ?? 9) - shapley) < 1e-9)
      #expect(found.scores["b-missing"]?.value == found.worth["a"]?.only.value)
      let alone = try RunFolder(out.appending(path: "runs/b-alone/seed-0")).readEvaluation()
      let other = try RunFolder(out.appending(path: "runs/b-alone/seed-1")).readEvaluation()
      let mean = ((alone.scores["full"] ?? 9) + (other.scores["full"] ?? 9)) / 2
      #expect(abs((found.worth["b"]?.alone.value ?? 0) - mean) < 1e-9)
      let unused = try #require(found.worth["b"]?.unused)
      #expect(abs(unused.value - (mean - (found.worth["b"]?.only.value ?? 9))) < 1e-9)
      for estimate in found.scores.values { #expect(estimate.interval95?.contains(estimate.value) == true) }
      #expect(found.evidence.alone == .trainedAlone)
      #expect(found.gradients.conflict != nil)
      let probe = try #require(found.worth["a"]?.probe)
      #expect(probe.value > 0.9)
    }
  }

  @Test("what was trained is not trained again, and the answer is the same to the last bit")
  func again() throws {
    try withTemporaryFolder { folder in
      let first = try diagnose(.secondHarder, in: folder)
      let out = folder.appending(path: "out")
      let record = out.appending(path: "runs/joint/seed-0/run.json")
      let before = try Data(contentsOf: record)
      let second = try Experiment.diagnose(request(folder.appending(path: "data"), out))
      #expect(try Data(contentsOf: record) == before)
      #expect(second == first)
    }
  }

  @Test("a run is diagnosed by its own weights, and only what is missing is trained")
  func run() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try write(.firstOnly, to: data)
      let run = folder.appending(path: "run")
      let summary = try SmallFeatureSet.finished(
        SmallFeatureSet.train("uniform", data, to: run, seed: 5, settings: ["training.epochs=4"]))
      let before = try FileManager.default.contentsOfDirectory(atPath: run.path).sorted()
      var request = DiagnoseRequest(subject: run, out: folder.appending(path: "out"))
      request.quick = true
      let found = try Experiment.diagnose(request)
      #expect(found.subject == .run)
      #expect(found.method == "uniform")
      #expect(found.seeds == [5])
      #expect(found.scores["full"]?.value == summary.evaluation.scores["full"])
      #expect(found.leaning.modality == "a")
      #expect(found.trial == nil)
      #expect(try FileManager.default.contentsOfDirectory(atPath: run.path).sorted() == before)
      let trained = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "out/runs").path)
        .sorted()
      #expect(trained == ["a-alone", "b-alone"])
      request.settings = ["training.epochs=1"]
      #expect(throws: Diagnosis.self) { try Experiment.diagnose(request) }
    }
  }

  @Test("without a validation split a part of the training samples chooses the method, never the test split")
  func heldOut() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try write(.secondHarder, to: data, hasValidation: false)
      var request = request(data, folder.appending(path: "out"))
      request.settings.append("training.epochs=3")
      let found = try Experiment.diagnose(request)
      #expect(found.transfer.chosenBy == "test")
      guard let trial = found.trial else {
        // Nothing was wrong; then nothing is tried.
        #expect(!found.problems.contains { $0.isOfTraining })
        return
      }
      #expect(trial.heldOut == 0.15)
      let held = try FeatureSet(at: folder.appending(path: "out/held-out"))
      let original = try FeatureSet(at: data)
      #expect(held.train.count + (held.validation?.count ?? 0) == original.train.count)
      #expect(held.validation?.count == 24)
      #expect(try allClose(try #require(held.test).inputs["a"], try #require(original.test).inputs["a"]))
    }
  }

  @Test("several labels a sample, more than six modalities and one seed work as well")
  func others() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "multi")
      try write(.complementary, to: data, task: .multiLabel)
      var multi = request(data, folder.appending(path: "out-multi"), seeds: 1)
      multi.quick = true
      let found = try Experiment.diagnose(multi)
      #expect(found.metric == "macro-f1")
      #expect(found.evidence.conditions.allSatisfy { $0.labelCounts?.count == 2 && $0.confusion == nil })

      let many = folder.appending(path: "many")
      let names = (0..<7).map { "m\($0)" }
      try FileManager.default.createDirectory(at: many, withIntermediateDirectories: true)
      try DatasetManifest(
        name: "many", task: .singleLabel, classes: ["0", "1", "2", "3"], modalities: names, metric: .accuracy
      ).write(to: many)
      for split in ["train", "test"] {
        let all = (0..<7).map { ContributionData($0 == 3 ? .firstOnly : .noise, split, count: 60, seed: UInt64($0)) }
        try SafeTensors.write(
          try zip(names, all).map { ($0, try Tensor($1.features[0], shape: [60, ContributionData.width])) }
            + [("labels", try Tensor(all[0].labels))], to: many.appending(path: "\(split).safetensors"))
      }
      var seven = request(many, folder.appending(path: "out-many"), seeds: 1)
      seven.quick = true
      let leaning = try Experiment.diagnose(seven)
      #expect(leaning.leaning.verdict == .leans)
      #expect(leaning.leaning.modality == "m3")
      #expect(leaning.evidence.shapley?.permutations != nil)
    }
  }

  @Test("a wish to stop is followed, and the same request goes on from there")
  func stop() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try write(.firstOnly, to: data)
      let stop = StopFlag()
      stop.request()
      let request = request(data, folder.appending(path: "out"))
      #expect(throws: CancellationError.self) { try Experiment.diagnose(request, stop: stop) }
      #expect(try Experiment.diagnose(request).leaning.modality == "a")
    }
  }

  @Test("one modality, no test split and a folder that is neither are refused")
  func refused() throws {
    try withTemporaryFolder { folder in
      var untested = SmallFeatureSet()
      untested.test = nil
      let data = folder.appending(path: "untested")
      try untested.write(to: data)
      let error = #expect(throws: Diagnosis.self) {
        try Experiment.diagnose(DiagnoseRequest(subject: data, out: folder.appending(path: "out")))
      }
      #expect(error?.what == "the data set has no test split")
      #expect(throws: Diagnosis.self) {
        try Experiment.diagnose(
          DiagnoseRequest(subject: folder.appending(path: "nowhere"), out: folder.appending(path: "out")))
      }
    }
  }
}

@Suite("What a run keeps of its predictions")
struct KeptEvidenceTests {
  @Test("probabilities by condition and labels as the data has them, and the evidence they give")
  func kept() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let run = folder.appending(path: "run")
      let summary = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: run))
      let file = try SafeTensors(reading: RunFolder(run).predictions)
      let labels: [Int] = try file.tensor("labels").array()
      #expect(labels == SmallFeatureSet().test)
      let evidence = try RunFolder(run).readEvidence()
      for condition in summary.evaluation.conditions {
        let probabilities: [Float] = try file.tensor(condition).array()
        #expect(probabilities.count == labels.count * 3)
        let right = labels.indices.count { row in
          let own = probabilities[(row * 3)..<(row * 3 + 3)]
          return own.indices.max { own[$0] < own[$1] } == row * 3 + labels[row]
        }
        #expect(abs(Double(right) / Double(labels.count) - (summary.evaluation.scores[condition] ?? 9)) < 1e-9)
        #expect(evidence[condition]?.score == summary.evaluation.scores[condition])
        let counts = try #require(evidence[condition]?.confusion?.counts)
        #expect(counts.indices.reduce(0) { $0 + counts[$1][$1] } == right)
      }
      #expect(evidence.shapley?.score["text"]?.value == summary.evaluation.shapley?["text"])
      let bins = try #require(evidence.shapley?.samples["image"]?.counts)
      #expect(bins.reduce(0, +) == labels.count)
    }
  }

  @Test("nothing is kept where that is not wished for")
  func unwished() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let run = folder.appending(path: "run")
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train("joint", data, to: run, settings: ["evaluation.evidence=false", "training.epochs=1"]))
      #expect(!FileManager.default.fileExists(atPath: RunFolder(run).evidence.path))
      #expect(!FileManager.default.fileExists(atPath: RunFolder(run).predictions.path))
    }
  }
}
