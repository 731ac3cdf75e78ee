import Auditing
import Encoders
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@testable import Experiments

/// Models behind a server that takes chat requests.
@Suite("Asking an endpoint")
struct EndpointDoorTests {
  private func withData(_ body: (URL, URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder.appending(path: "data"))
      var lines = ["id,image,text,label"]
      for number in 0..<6 {
        let picture = RGBImage(width: 2, height: 1, pixels: [UInt8](repeating: UInt8(20 * number + 1), count: 6))
        try made.write("\(number).png", picture.png())
        lines.append("s\(number),\(number).png,a \(number % 2 == 0 ? "cat" : "dog"),\(number % 2 == 0 ? "cat" : "dog")")
      }
      try made.write("samples.csv", lines.joined(separator: "\n") + "\n")
      try Data("Which of {classes} is it?\nThe caption says: {text}\nOne word.".utf8)
        .write(to: folder.appending(path: "prompt.txt"))
      try body(made.folder, folder.appending(path: "out"))
    }
  }

  private func request(_ data: URL, _ out: URL, _ server: ChatServer) -> AuditRequest {
    var request = AuditRequest(subject: data, out: out)
    request.door = .endpoint(
      .init(
        address: server.address, model: "tiny",
        prompt: out.deletingLastPathComponent().appending(path: "prompt.txt")))
    request.swaps = 1
    request.grid = 0
    request.replicates = 2
    request.jobs = 2
    request.timeout = 20
    return request
  }

  /// What the request says in words.
  private static func words(_ request: Tree) -> String {
    let parts = request[path: "messages"]?.listValue?.first?[path: "content"]?.listValue ?? []
    return parts.compactMap { $0[path: "text"]?.stringValue }.joined()
  }

  private static func completion(_ answer: String, _ tokens: Tree? = nil) -> String {
    var choice: Tree = ["message": ["role": "assistant", "content": .string(answer)]]
    if let tokens { choice[path: "logprobs"] = ["content": tokens] }
    let tree: Tree = ["choices": [choice]]
    return tree.json()
  }

  @Test("without log probabilities the words are the label, what is no class is counted and never guessed")
  func labels() throws {
    let server = try ChatServer { request in
      let words = Self.words(request)
      if words.contains("a cat") { return (200, Self.completion("\"Cat\"")) }
      return (200, Self.completion(words.contains("a dog") ? " dog.\n" : "I cannot tell."))
    }
    defer { server.close() }
    try withData { data, out in
      let summary = try Experiment.audit(request(data, out, server))
      let table = try PredictionTable(reading: summary.table)
      #expect(table.classes == ["cat", "dog", EndpointDoor.noAnswer])
      #expect(table.conditions["full"]?.values == (0..<6).flatMap { $0 % 2 == 0 ? [1, 0, 0] : [0, 1, 0] })
      #expect(table.conditions["absent:text"]?.values == (0..<6).flatMap { _ in [0, 0, 1] })
      #expect(summary.record.scores["only:image"]?.value == 0)
      #expect(summary.record.notes.contains { $0.contains("answers are no class") })
      // The library says it in words, not only the command.
      #expect(summary.record.words.contains { $0.hasPrefix("Verdict: ") })
      let first = try #require(server.requests.first)
      #expect(first[path: "model"] == "tiny")
      #expect(first[path: "response_format.json_schema.schema.enum"] == ["cat", "dog"])
      let images = server.requests.filter { $0.json().contains("data:image/png;base64,") }
      #expect(!images.isEmpty && images.count < server.requests.count)
      // Declared absence leaves the line out, silent absence only what it says.
      let said = server.requests.map(Self.words)
      #expect(said.contains("Which of cat, dog is it?\nOne word."))
      #expect(said.contains("Which of cat, dog is it?\nThe caption says: \nOne word."))
      let count = server.requests.count
      #expect(try Experiment.audit(request(data, out, server)).asked == 0)
      #expect(server.requests.count == count)
    }
  }

  @Test("log probabilities of the first telling token are the classes'")
  func probabilities() throws {
    let tokens: Tree = [
      ["top_logprobs": [["token": "\"", "logprob": 0]]],
      ["top_logprobs": [["token": "ca", "logprob": -0.5108256], ["token": "Dog", "logprob": -0.9162907]]],
    ]
    let server = try ChatServer { _ in (200, Self.completion("cat", tokens)) }
    defer { server.close() }
    try withData { data, out in
      let table = try PredictionTable(reading: Experiment.audit(request(data, out, server)).table)
      #expect(table.classes == ["cat", "dog"])
      let full = try #require(table.conditions["full"]?.values)
      #expect(zip(full, (0..<6).flatMap { _ in [0.6, 0.4] }).allSatisfy { abs($0 - $1) < 1e-6 })
    }
  }

  @Test("a token that several classes begin with tells nothing, and the words count")
  func ambiguous() {
    let classes = ["cat", "car", EndpointDoor.noAnswer]
    let found = EndpointDoor.scores("car", [[("ca", -0.01), ("dog", -5)]], classes)
    #expect(found.label == [0, 1, 0] && found.probabilities == nil)
    let other = EndpointDoor.scores("a car", [[("car", 0)]], classes)
    #expect(other.label == [0, 0, 1] && other.probabilities == [0, 1, 0])
  }

  @Test("a server that refuses, or is not there, is said to; one that was busy is asked again")
  func refusals() throws {
    let busy = try ChatServer { request in
      Self.words(request).contains("never") ? (500, "") : (503, "loading")
    }
    defer { busy.close() }
    try withData { data, out in
      let diagnosis = try #require(refusal(request(data, out, busy)))
      #expect(diagnosis.what == "the server refuses with the status 503" && diagnosis.found.contains("loading"))
      #expect(busy.requests.count >= 3)
      let strict = try ChatServer { _ in (404, #"{"error":"no model"}"#) }
      #expect(try #require(refusal(request(data, out, strict))).what == "the server refuses with the status 404")
      strict.close()
      let odd = try ChatServer { _ in (200, "<html>") }
      #expect(try #require(refusal(request(data, out, odd))).what == "the server's answer is no chat completion")
      odd.close()
      #expect(try #require(refusal(request(data, out, odd))).what == "the server cannot be reached")
    }
  }
}
