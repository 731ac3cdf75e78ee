import Foundation
import Records
import TestSupport
import Testing

@testable import Experiments

@Suite("Shares of a diagnosis")
struct DiagnosisSharesTests {
  private func withRequest(
    hasValidation: Bool = true, _ body: (DiagnoseRequest, URL) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      var set = SmallFeatureSet()
      set.hasValidation = hasValidation
      try set.write(to: data)
      var request = DiagnoseRequest(subject: data, out: folder.appending(path: "shared"))
      request.seeds = 2
      request.replicates = 20
      request.methods = ["uniform", "ogm"]
      request.settings = ["training.epochs=2", "training.batch_size=16", "model.embedding_width=4"]
      try body(request, folder)
    }
  }

  private func words(_ diagnosis: ModelDiagnosis, _ folder: URL) throws -> String {
    var diagnosis = diagnosis
    diagnosis.notes.removeAll { $0.contains("planned runs stand") }
    return try diagnosis.json().replacing(folder.path, with: "")
  }

  @Test("shares cover every run once, and joined they answer as one machine does", arguments: [true, false])
  func joined(hasValidation: Bool) throws {
    try withRequest(hasValidation: hasValidation) { request, folder in
      var whole = request
      whole.out = folder.appending(path: "whole")
      let expected = try Experiment.diagnose(whole)
      let jobs = try sharedOut {
        try Experiment.jobs(of: request)
      } by: {
        try Experiment.diagnose(request, only: $0)
      }
      #expect(jobs.contains { $0.name == "runs/joint:1" } && jobs.contains { $0.name.hasSuffix("runs/ogm:0") })
      var joining = request
      joining.joins = true
      let answer = try Experiment.diagnose(joining)
      #expect(answer.notes.contains("\(jobs.count) of \(jobs.count) planned runs stand in this diagnosis"))
      #expect(try words(answer, folder) == words(expected, folder))
    }
  }

  @Test("an answer of some runs says which are missing, and is of the seeds whose runs are all there")
  func missing() throws {
    try withRequest { request, _ in
      var joining = request
      joining.joins = true
      let none = try #require(throws: Diagnosis.self) { try Experiment.diagnose(joining) }
      #expect(none.what == "no seed of this diagnosis has all its runs finished")
      _ = try Experiment.diagnose(
        request, only: .named(["runs/joint", "runs/image-alone:1", "runs/text-alone:1", "runs/uniform:1"]))
      let answer = try Experiment.diagnose(joining)
      #expect(answer.seeds == [1])
      #expect(
        answer.notes.contains {
          $0.hasPrefix("5 of 10 planned runs stand in this diagnosis; missing: ") && $0.contains("runs/ogm:0")
            && $0.contains("runs/image-alone:0")
        }, "\(answer.notes)")
      let tried = answer.trial?.methods.map(\.name) ?? ["uniform"]
      #expect(tried.contains("uniform") && !tried.contains("ogm"))
      let unknown = try #require(throws: Diagnosis.self) {
        try Experiment.diagnose(request, only: .named(["runs/jiont:1"]))
      }
      #expect(unknown.remedy?.contains("runs/joint:1") == true)
      var again = request
      again.again = true
      #expect(throws: Diagnosis.self) { try Experiment.jobs(of: again) }
    }
  }
}
