import Foundation
import Records
import TestSupport
import Testing

@testable import Experiments

@Suite("Shares of a comparison")
struct ComparisonSharesTests {
  private func withRequest(_ body: (CompareRequest, URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      var request = CompareRequest(
        data: data, methods: ["joint", "balgrad", "uniform"], seeds: 2, out: folder.appending(path: "shared"))
      request.settings = ["training.epochs=2", "training.batch_size=16", "model.embedding_width=4"]
      try body(request, folder)
    }
  }

  @Test("shares cover every run once, and joined they give the table of one machine")
  func joined() throws {
    try withRequest { request, folder in
      var whole = request
      whole.out = folder.appending(path: "whole")
      let expected = try Experiment.compare(whole)
      let jobs = try sharedOut {
        try Experiment.jobs(of: request)
      } by: {
        try Experiment.compare(request, only: $0)
      }
      #expect(jobs.contains { $0.name == "balgrad:1" } && jobs.contains { $0.name.hasPrefix("specialists/") })
      var joining = request
      joining.joins = true
      var results = try Experiment.compare(joining)
      #expect(results.notes.contains("6 of 6 planned runs stand in this table"))
      results.notes.removeAll { $0.hasPrefix("6 of 6") }
      // Seconds are the clock's.
      #expect(results.methods.map(\.mean) == expected.methods.map(\.mean))
      #expect(results.tests == expected.tests && results.notes == expected.notes)
    }
  }

  @Test("a table of some runs says which are missing, and is of the others")
  func missing() throws {
    try withRequest { request, _ in
      var joining = request
      joining.joins = true
      let none = try #require(throws: Diagnosis.self) { try Experiment.compare(joining) }
      #expect(none.what == "no run of this comparison is finished")
      _ = try Experiment.compare(request, only: .named(["joint", "balgrad:1"]))
      let results = try Experiment.compare(joining)
      #expect(
        results.notes.contains(
          "3 of 6 planned runs stand in this table; missing: balgrad:0, uniform:0, uniform:1"))
      #expect(results.methods.map(\.name) == ["joint", "balgrad"])
      #expect(results.method("balgrad")?.runs.map(\.seed) == [1])
      #expect(results.notes.contains { $0.hasPrefix("no regret under") } && results.specialists["image-missing"] == nil)
      // The same command without --join trains the rest.
      #expect(try Experiment.compare(request).methods.map(\.runs.count) == [2, 2, 2])
    }
  }

  @Test("a search is divided too: trials first, then the runs that they choose, and the table of one machine")
  func tuned() throws {
    try withRequest { request, folder in
      var request = request
      (request.tuning, request.specialists) = (3, false)
      var whole = request
      whole.out = folder.appending(path: "whole")
      let expected = try Experiment.compare(whole)

      let trials = try Experiment.jobs(of: request)
      #expect(trials.count == 9 && Set(trials.map(\.name)).count == 9 && trials.allSatisfy { !$0.isDone })
      #expect(trials.contains { $0.name == "balgrad/trials/trial-2" })
      #expect(trials.map(\.cost) == trials.map(\.cost).sorted(by: >))
      #expect(trials.allSatisfy { $0.isTrial })
      var joining = request
      joining.joins = true
      _ = try Experiment.compare(request, only: .named(["balgrad"]))
      let early = try #require(throws: Diagnosis.self) { try Experiment.compare(joining) }
      #expect(early.what.hasPrefix("6 of 9 trials have not ended"))
      #expect(early.found.contains("joint/trials/trial-0"))
      #expect(try Experiment.jobs(of: request).count { !$0.isDone } == 6)
      for number in 1...2 { _ = try Experiment.compare(request, only: .part(number, of: 2)) }

      // The chosen trial is the run with seed 0.
      let runs = try Experiment.jobs(of: request)
      #expect(Set(runs.map(\.name)) == ["joint:1", "balgrad:1", "uniform:1"])
      #expect(!runs.contains { $0.isTrial })
      // A line of the first plan may be run again.
      #expect(try Experiment.compare(request, only: .named(["joint/trials/trial-1"])).done == 1)
      _ = try Experiment.compare(request, only: .part(1, of: 1))
      #expect(try Experiment.jobs(of: request).allSatisfy(\.isDone))
      let results = try Experiment.compare(joining)
      #expect(results.notes.contains("6 of 6 planned runs stand in this table"))
      #expect(results.methods.map(\.mean) == expected.methods.map(\.mean))
      let tables = try [request, whole].map {
        try Tree.read(TuningTable.self, from: $0.out.appending(path: "tuning.json"))
      }
      #expect(try tables[0].json() == tables[1].json())
    }
  }

  @Test("a name that no run has is refused with the nearest, and so is what cannot be divided")
  func refused() throws {
    try withRequest { request, _ in
      let unknown = try #require(throws: Diagnosis.self) {
        try Experiment.compare(request, only: .named(["balgard:1"]))
      }
      #expect(unknown.what.contains("no run 'balgard:1'") && unknown.remedy?.contains("balgrad:1") == true)
      var equal = request
      equal.equalUpdates = true
      #expect(throws: Diagnosis.self) { try Experiment.jobs(of: equal) }
    }
  }

  @Test("shares are written as n/m or as names", arguments: ["0/3", "4/3", "", " , "])
  func words(_ wrong: String) throws {
    #expect(try ComparisonShare("2/8") == .part(2, of: 8))
    #expect(try ComparisonShare("balgrad:3, joint") == .named(["balgrad:3", "joint"]))
    #expect(try ComparisonShare("specialists/image-missing:0") == .named(["specialists/image-missing:0"]))
    #expect(throws: Diagnosis.self) { try ComparisonShare(wrong) }
  }
}

/// The jobs of what three shares do: the dearest first, each in one share, and all done afterwards.
func sharedOut(
  _ jobs: () throws -> [ComparisonJob], by share: (ComparisonShare) throws -> (done: Int, of: Int)
) throws -> [ComparisonJob] {
  let all = try jobs()
  #expect(all.count == Set(all.map(\.name)).count && all.allSatisfy { !$0.isDone })
  #expect(all.map(\.cost) == all.map(\.cost).sorted(by: >))
  var done = 0
  for number in 1...3 {
    let own = try share(.part(number, of: 3))
    #expect(own.of == all.count)
    done += own.done
  }
  #expect(done == all.count)
  #expect(try jobs().allSatisfy(\.isDone))
  return all
}
