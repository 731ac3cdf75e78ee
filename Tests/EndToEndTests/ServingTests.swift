import Foundation
import Records
import TestSupport
import Testing

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

@Suite("seesaw serve")
struct ServingTests {
  @Test("a run is served until somebody asks to stop, and answers as predict does")
  func served() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let trained = try Seesaw.run(["train", "data", "--method", "uniform", "--out", "r", "-q"] + quick, in: folder)
      #expect(trained.status == 0, "\(trained.error)")
      let line = #"{"features":{"text":[1,0,0,0]},"id":"x"}"#
      let expected = try Seesaw.run(["predict", "r"], in: folder, input: line + "\n")
      let server = try Running(["serve", "r", "--port", "0"], in: folder, listening: true)
      try server.wait(for: "(Ctrl-C stops)")
      let talk = String(decoding: server.heard, as: UTF8.self)
      let address = try #require(talk.firstMatch(of: /http:\/\/127\.0\.0\.1:[0-9]+/)).output
      var request = URLRequest(url: try #require(URL(string: "\(address)/v1/models/r/predict")))
      request.httpMethod = "POST"
      request.setValue("application/json", forHTTPHeaderField: "Content-Type")
      request.httpBody = Data(line.utf8)
      let answer = try Self.send(request)
      #expect(answer == expected.out)
      server.process.terminate()
      let ended = try server.end()
      #expect(ended.status == 0, "\(ended.error)")
      #expect(
        ended.error.hasSuffix("stopping: requests that have arrived are answered\nstopped after 1 requests\n"),
        "\(ended.error)")
    }
  }

  @Test("a run that is not there is refused before anything listens")
  func missing() throws {
    try withTemporaryFolder { folder in
      let answer = try Seesaw.run(["serve", "none"], in: folder)
      #expect(answer.status == 66)
      #expect(answer.error == "error: there is no run here\n  in: none\n")
    }
  }

  private static func send(_ request: URLRequest) throws -> String {
    let done = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var found: Data?
    URLSession.shared.dataTask(with: request) { data, _, _ in
      found = data
      done.signal()
    }.resume()
    done.wait()
    return String(decoding: try #require(found), as: UTF8.self)
  }
}
