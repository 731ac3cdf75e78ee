import Encoders
import Foundation
import Records
import Synchronization
import TestSupport
import Testing
import Torch

@testable import Experiments

@Suite("What depends on the processor")
struct ProcessorTests {
  @Test("training in bfloat16 is refused where it is not multiplied, and encoding in it says what is done instead")
  func bfloat16() throws {
    try RunBuilder.checkBFloat16(on: .cpu, multiplies: true)
    let refusal = #expect(throws: Diagnosis.self) { try RunBuilder.checkBFloat16(on: .cpu, multiplies: false) }
    #expect(refusal?.exitStatus == .usage && refusal?.found.first?.contains("'cpu' does not multiply") == true)
    #expect(EncoderPrecision.bfloat16.note(multipliesBFloat16: true) == nil)
    #expect(EncoderPrecision.float32.note(multipliesBFloat16: false) == nil)
    #expect(EncoderPrecision.bfloat16.note(multipliesBFloat16: false)?.contains("computed with in float32") == true)
  }

  @Test("training in bfloat16 runs or is refused, as this processor multiplies it or does not")
  func training() throws {
    try withTemporaryFolder { folder in
      try SmallFeatureSet().write(to: folder.appending(path: "data"))
      var request = TrainRequest(data: folder.appending(path: "data"))
      request.method = "joint"
      request.out = folder.appending(path: "run")
      request.settings = ["training.threads=1", "training.epochs=1", "training.precision=bfloat16"]
      if Runtime.multipliesBFloat16(on: .cpu) {
        let summary = try SmallFeatureSet.finished(Experiment.train(request))
        #expect(summary.record.arithmetic == Machine.arithmetic)
      } else {
        #expect(throws: Diagnosis.self) { try Experiment.train(request) }
      }
    }
  }

  @Test("a run that is gone on with or repeated where the processor computes otherwise is told so by a note")
  func otherArithmetic() throws {
    #expect(Machine.arithmetic.hasPrefix(Runtime.vectors + " ") && !Runtime.vectors.isEmpty)
    try withTemporaryFolder { folder in
      try SmallFeatureSet().write(to: folder.appending(path: "data"))
      let run = folder.appending(path: "run")
      func train(from file: URL? = nil, to out: URL, stopAt epoch: Int? = nil) throws -> [String] {
        var request = TrainRequest(data: folder.appending(path: "data"))
        request.out = out
        request.settings = ["training.threads=1", "training.epochs=3", "training.checkpoint_seconds=0"]
        if let file { request.files = [file] }
        let stop = StopFlag()
        let notes = Mutex<[String]>([])
        _ = try Experiment.train(request, stop: stop) { event in
          if case .note(let words) = event { notes.withLock { $0.append(words) } }
          if case .progress(_, let done, _, _) = event, done == epoch { stop.request() }
        }
        return notes.withLock { $0 }.filter { $0.contains("computes differently") }
      }
      #expect(try train(to: run, stopAt: 1) == [])
      let record = RunFolder(run).record
      let kept = try String(contentsOf: record, encoding: .utf8)
      #expect(kept.contains("\"arithmetic\": \"\(Machine.arithmetic)\""))
      #expect(try train(from: record, to: folder.appending(path: "again")) == [])
      try Data(kept.replacing(Machine.arithmetic, with: "vax 00000000").utf8).write(to: record)
      #expect(try train(from: record, to: folder.appending(path: "other")).first?.contains("vax 00000000 then") == true)
      #expect(try train(to: run).count == 1)
      #expect(try RunFolder(run).readRecord().arithmetic == Machine.arithmetic)
    }
  }
}
