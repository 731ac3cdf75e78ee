import Foundation
import Records
import Testing

@testable import Experiments

/// Lines that programs answer with.
@Suite("Answers of programs")
struct ModelAnswerTests {
  private static let classes = AnswerClasses(["cat", "dog", "owl"], isMultiLabel: false)

  private func answer(_ line: String, _ classes: AnswerClasses = classes) throws -> ModelAnswer {
    try Array(line.utf8).withUnsafeBytes { try ModelAnswer($0, classes) }
  }

  @Test(
    "scores come as a list, as a table and as a label, with the id as a text or a number",
    arguments: [
      (#"{"id":"7","probabilities":[0.5,0.25,0.25]}"#, AnswerForm.probabilities, [0.5, 0.25, 0.25]),
      (#" { "id" : 7 , "probabilities" : [ 5e-1 , 0.25, 0.25 ] } "#, .probabilities, [0.5, 0.25, 0.25]),
      (#"{"probabilities":{"owl":0.25,"cat":0.5,"dog":0.25},"id":"7"}"#, .probabilities, [0.5, 0.25, 0.25]),
      (#"{"id":"7","logits":[-1,2.5,0]}"#, .logits, [-1, 2.5, 0]),
      (#"{"id":"7","label":"dog"}"#, .label, [0, 1, 0]),
      (#"{"id":"7","label":2,"time":0.3}"#, .label, [0, 0, 1]),
    ])
  func forms(line: String, form: AnswerForm, values: [Double]) throws {
    let answer = try answer(line)
    #expect(answer.id == "7")
    #expect(answer.scores == ModelScores(form: form, values: values))
  }

  @Test("several labels are a list, and their probabilities need not have the sum 1")
  func severalLabels() throws {
    let several = AnswerClasses(["cat", "dog", "owl"], isMultiLabel: true)
    #expect(try answer(#"{"id":"1","label":["owl","cat"]}"#, several).scores.values == [1, 0, 1])
    #expect(try answer(#"{"id":"1","probabilities":[0.9,0.9,0]}"#, several).scores.values == [0.9, 0.9, 0])
  }

  @Test(
    "whatever else is refused with a sentence",
    arguments: [
      ("Loading …", "the line is not JSON"), ("[1]", "the line is not a JSON object"), ("{}", "has no 'id'"),
      (#"{"id":"7"}"#, "neither 'probabilities' nor 'logits' nor 'label'"),
      (#"{"id":"7","logits":[1,2,3],"label":"cat"}"#, "has logits and label, where one is enough"),
      (#"{"id":"7","probabilities":[1,0]}"#, "has 2 probabilities, and there are 3 classes"),
      (#"{"id":"7","probabilities":[1,0,0,0]}"#, "has 4 probabilities"),
      (#"{"id":"7","probabilities":[1,1,0]}"#, "have the sum 2.0"),
      (#"{"id":"7","probabilities":[2,-1,0]}"#, "holds 2.0, which is no probability"),
      (#"{"id":"7","probabilities":[NaN,0,1]}"#, "not finite"),
      (#"{"id":"7","probabilities":[null,0,1]}"#, "not finite"),
      (#"{"id":"7","logits":[Infinity,0,1]}"#, "not finite"),
      (#"{"id":"7","logits":[1e999,0,1]}"#, "not finite"),
      (#"{"id":"7","probabilities":"high"}"#, "neither a list of numbers nor a table"),
      (#"{"id":"7","probabilities":{"cat":1}}"#, "has no number for 2 of the 3 classes"),
      (#"{"id":"7","probabilities":{"cat":1,"cow":0}}"#, "names the class 'cow'"),
      (#"{"id":"7","label":"dgo"}"#, "names the class 'dgo'"), (#"{"id":"7","label":9}"#, "'label' is 9"),
      (#"{"id":"7","error":"no file"}"#, "answered with an error"),
    ])
  func refused(line: String, words: String) throws {
    do {
      _ = try answer(line)
      Issue.record("taken: \(line)")
    } catch {
      let diagnosis = Diagnosis(describing: error)
      #expect(diagnosis.what.contains(words), "\(diagnosis)")
      #expect(diagnosis.exitStatus == .failed)
    }
  }
}
