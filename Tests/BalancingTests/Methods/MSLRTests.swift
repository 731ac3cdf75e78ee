import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("MSLR")
struct MSLRTests {
  private let pair: [Modality] = ["image", "text"]

  @Test("rates are read by name, and those not named are 1")
  func reading() throws {
    #expect(try MSLR.rates("image=1.4,text=0.7", pair) == [1.4, 0.7])
    #expect(try MSLR.rates(" text = 2 ", pair) == [1, 2])
    #expect(try MSLR.rates("", pair) == [1, 1])
  }

  @Test(
    "what is no rate is refused, and a modality that is not there gets the nearest",
    arguments: [
      "image", "image=", "image=fast", "image=-1", "image=inf", "image=nan", "=2", "image=1=2",
    ])
  func refused(_ text: String) {
    #expect(throws: (any Error).self) { try MSLR.rates(text, pair) }
  }

  @Test("a modality that is not there is told apart")
  func unknown() throws {
    let error = try #require(throws: UnknownModality.self) { try MSLR.rates("txt=2", pair) }
    #expect("\(error.diagnosis)".contains("did you mean 'text'?"))
  }

  @Test("rates of 1 are joint training to the last bit")
  func neutral() throws {
    let joint = try Bench("joint").run().last
    #expect(try Bench("mslr", ["rates": "image=1,text=1"]).run().last == joint)
    #expect(try Bench("mslr", ["rates": "image=1,text=1", "strategy": "smooth"]).run().last == joint)
  }

  @Test("a branch moves by its rate times what it would, under Adam too, and the classifier as ever")
  func steps() throws {
    func move(_ name: String, _ settings: [String: Tree] = [:]) throws -> [String: [Double]] {
      let bench = try Bench(name, settings)
      let session = try bench.session()
      let before = try Bench.weights(session.model)
      var method = try bench.method()
      _ = try method.step(bench.data.whole(), session)
      return try Bench.weights(session.model).mapValues { $0 }.merging(before) { after, before in
        zip(after, before).map { $0 - $1 }
      }
    }
    let joint = try move("joint")
    let own = try move("mslr", ["rates": "image=3,text=0.25"])
    for (name, rate) in [("image", 3.0), ("text", 0.25)] {
      for part in ["weight", "bias"] {
        let path = "\(name).embedding.\(part)"
        #expect(
          allClose(own[path] ?? [], joint[path]?.map { $0 * rate } ?? [], relative: 1e-3, absolute: 1e-6), "\(path)")
      }
    }
    #expect(own["fusion.classifier.weight"] == joint["fusion.classifier.weight"])
  }

  @Test("smooth moves rates towards their geometric mean")
  func smooth() {
    #expect(allClose(MSLR.smoothed([4, 1], strength: 0.5), [4 / 2.0.squareRoot(), 2.0.squareRoot()]))
    #expect(MSLR.smoothed([4, 1], strength: 0) == [4, 1])
    #expect(allClose(MSLR.smoothed([4, 1], strength: 1), [2, 2]))
    #expect(allClose(MSLR.smoothed([8, 1, 1], strength: 1), [2, 2, 2]))
  }

  @Test("dynamic, from the first rates: the accuracy over the mean of those before it, once there are enough")
  func fromInit() {
    var settings = MSLR.Configuration.Dynamic()
    settings.window = 2
    let accuracies = [[0.2, 0.5], [0.4, 0.5], [0.6, 0.25], [0.3, 0.75]]
    func rates(_ epochs: Int) -> [Double] {
      MSLR.dynamic(Array(accuracies.prefix(epochs)), first: [2, 1], current: [9, 9], settings)
    }
    #expect(rates(1) == [2, 1])
    #expect(rates(2) == [2, 1])
    #expect(allClose(rates(3), [2 * 0.6 / 0.3, 0.25 / 0.5]))
    #expect(allClose(rates(4), [2 * 0.3 / 0.5, 0.75 / 0.375]))
  }

  @Test("dynamic, cumulative: every N epochs, the mean with the last in it")
  func cumulative() {
    var settings = MSLR.Configuration.Dynamic()
    settings.window = 2
    settings.form = .cumulative
    let accuracies = [[0.2], [0.4], [0.6], [0.0]]
    func rates(_ epochs: Int, _ current: Double) -> [Double] {
      MSLR.dynamic(Array(accuracies.prefix(epochs)), first: [2], current: [current], settings)
    }
    #expect(rates(1, 2) == [2])
    #expect(allClose(rates(2, 2), [2 * 0.4 / 0.3]))
    #expect(rates(3, 5) == [5])
    #expect(rates(4, 5) == [0])
    #expect(MSLR.dynamic([[0], [0]], first: [2], current: [2], settings) == [2])
  }

  @Test("dynamic rates follow the accuracies as training goes on")
  func dynamicRun() throws {
    var bench = try Bench(
      "mslr", ["strategy": "dynamic", "rates": "image=1,text=0.5", "dynamic.window": 1, "dynamic.form": "from_init"])
    bench.epochs = 6
    let outcome = try bench.run()
    let first = try #require(outcome.reports.first).scalars
    #expect(first["rate.image"] == 1 && first["rate.text"] == 0.5)
    #expect(Set(outcome.reports.compactMap { $0.scalars["rate.text"] }).count > 1)
    let state = try #require(outcome.method as? any Checkpointed).state().numbers
    #expect(state[path: "accuracies"]?.listValue?.count == 5)
  }

  @Test("the search finds a higher rate where the given one is far too low, and leaves no trace in the model")
  func search() throws {
    var bench = try Bench("mslr", ["search.ratio": 10.0])
    bench.learningRate = 0.0005
    let session = try bench.session()
    let before = try Bench.weights(session.model)
    var method = try #require(try bench.method() as? MSLR)
    try method.prepare(bench.context(session))
    #expect(try Bench.weights(session.model) == before)
    let report = try method.step(bench.data.whole(), session)
    #expect([10, 100].contains(report.scalars["rate.image"]))
    #expect(report.scalars["rate.text"] ?? 0 >= 1)
  }

  @Test("where all rates are equally good the given one stays")
  func ties() throws {
    var bench = try Bench("mslr")
    bench.learningRate = 1e-12
    let session = try bench.session()
    var method = try #require(try bench.method() as? MSLR)
    try method.prepare(bench.context(session))
    let report = try method.step(bench.data.whole(), session)
    #expect(report.scalars["rate.image"] == 1 && report.scalars["rate.text"] == 1)
  }

  @Test("without a validation split it says what to do, and given rates need none")
  func validation() throws {
    let bench = try Bench("mslr")
    let session = try bench.session()
    let context = TrainingContext(
      session: session, training: bench.data, validation: nil, batchSize: 8, random: RandomSource(seed: 1),
      makeSession: { try bench.session() })
    var method = try #require(try bench.method() as? MSLR)
    let error = try #require(throws: Diagnosis.self) { try method.prepare(context) }
    #expect(error.exitStatus == .usage)
    #expect(error.remedy?.contains("method.rates=image=1,text=1") == true)
    var configuration = MSLR.Configuration()
    configuration.rates = "image=2"
    configuration.strategy = .dynamic
    var following = MSLR(configuration)
    #expect(throws: Diagnosis.self) { try following.prepare(context) }
    configuration.strategy = .keep
    var given = MSLR(configuration)
    try given.prepare(context)
    try given.epochWillBegin(1, context)
  }
}
