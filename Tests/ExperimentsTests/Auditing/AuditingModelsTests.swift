import Datasets
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@Suite("Audits of our own models")
struct AuditingModelsTests {
  private func diagnosis(
    _ kind: ContributionData.Kind, _ settings: [String] = [], in folder: URL
  ) throws -> ModelDiagnosis {
    let data = folder.appending(path: "data")
    try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
    try DatasetManifest(
      name: kind.rawValue, task: .singleLabel, classes: ["0", "1", "2", "3"], modalities: ["a", "b"], metric: .accuracy
    ).write(to: data)
    for (split, count) in [("train", 160), ("validation", 60), ("test", 120)] {
      let made = ContributionData(kind, split, count: count)
      try SafeTensors.write(
        try zip(["a", "b"], made.features).map { ($0, try Tensor($1, shape: [count, ContributionData.width])) }
          + [("labels", try Tensor(made.labels))], to: data.appending(path: "\(split).safetensors"))
    }
    var request = DiagnoseRequest(subject: data, out: folder.appending(path: "out"))
    request.quick = true
    request.replicates = 60
    request.settings =
      [
        "training.threads=1", "training.batch_size=32", "training.epochs=6", "optimizer.learning_rate=0.02",
        "model.embedding_width=8",
      ] + settings
    return try Experiment.diagnose(request)
  }

  @Test("the audit has the diagnosis's scores, names a fusion that is a sum, and finds what tells and what is heeded")
  func sum() throws {
    try withTemporaryFolder { folder in
      let diagnosis = try diagnosis(.firstOnly, in: folder)
      let audit = try #require(diagnosis.audit)
      #expect(audit.words.contains { $0.hasPrefix("Verdict: ") })
      for (ours, theirs) in [("full", "full"), ("missing:a", "a-missing"), ("missing:b", "b-missing")] {
        #expect(abs((audit.scores[ours]?.value ?? -1) - (diagnosis.scores[theirs]?.value ?? -2)) < 1e-9)
      }
      #expect(audit.scores["alone:a"]?.value == diagnosis.worth["a"]?.alone.value)
      #expect(audit.emap?.byConstruction == true && audit.emap?.gap == 0)
      #expect((audit.emap?.shares["a"] ?? 0) > 0.7)
      #expect(audit.usable?.calibrated == true && (audit.usable?.available["a"] ?? 0) > 1)
      let findings = Set(audit.findings)
      #expect(findings.isSuperset(of: [.informative("a"), .unique("a"), .leans("a", by: .conflict), .cannotCombine]))
      #expect(findings.isDisjoint(with: [.informative("b"), .unique("b"), .ignores("a"), .unused("a"), .unused("b")]))
      // What is kept is read back as it was.
      try diagnosis.write(to: folder)
      #expect(try ModelDiagnosis.read(from: folder).audit == audit)
    }
  }

  @Test("a fusion that may combine is measured over a grid of its embeddings")
  func grid() throws {
    try withTemporaryFolder { folder in
      let audit = try #require(try diagnosis(.firstOnly, ["model.fusion=gated"], in: folder).audit)
      #expect(audit.emap?.byConstruction == false && audit.emap?.rows == 120)
      #expect(abs((audit.emap?.shares.values.reduce(0, +) ?? 0) - 1) < 1e-9)
      #expect(audit.interval95["emap.gap"] != nil)
    }
  }
}
