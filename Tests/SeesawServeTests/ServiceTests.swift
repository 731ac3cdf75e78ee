import Experiments
import Foundation
import Records
import Testing

@testable import SeesawServe

@Suite("What the server answers")
struct ServiceTests {
  private static let address = ServedRun.address

  @Test("a sample is answered as predict answers it, with the digest of the model, and every modality may be absent")
  func sample() async throws {
    try await ServedRun.with { served in
      let picture = try served.picture()
      let coded = picture.base64EncodedString()
      for (json, input) in [
        (#"{"id": 7, "text": "warm words"}"#, PredictionInput(id: "7", text: "warm words")),
        (#"{"image": "\#(coded)"}"#, PredictionInput(images: [picture])),
        (
          #"{"image": ["data:image/png;base64,\#(coded)"], "text": "cold"}"#,
          PredictionInput(images: [picture], text: "cold")
        ),
      ] {
        let answer = await served.post(json)
        #expect(answer.status == 200, "\(answer.text)")
        let expected = try served.predictor.predict([input])[0]
        #expect(answer.text == PredictionLine.text(expected) + "\n")
        #expect(try answer.tree[path: "model"]?.stringValue == served.predictor.digest)
      }
    }
  }

  @Test("a form with the files themselves is answered as their base64 is")
  func form() async throws {
    try await ServedRun.with { served in
      var body = Data()
      func part(_ header: String, _ bytes: Data) {
        body += Data("--cut\r\nContent-Disposition: form-data; \(header)\r\n\r\n".utf8) + bytes + Data("\r\n".utf8)
      }
      part("name=\"id\"", Data("7".utf8))
      part("name=\"text\"", Data("warm".utf8))
      part("name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png", try served.picture())
      part("name=image", try served.picture(1))
      body += Data("--cut--\r\n".utf8)
      let type = "multipart/form-data; boundary=\"cut\""
      let answer = await served.ask(Request("POST", Self.address, contentType: type, body: Array(body)))
      let pictures = try (0...1).map { try served.picture($0) }
      let expected = try served.predictor.predict([PredictionInput(id: "7", images: pictures, text: "warm")])[0]
      #expect(answer.status == 200)
      #expect(answer.text == PredictionLine.text(expected) + "\n")
    }
  }

  @Test(
    "several samples are answered in order, each that cannot be with its error; where none can be it is the request's")
  func instances() async throws {
    try await ServedRun.with { served in
      let answer = await served.post(
        #"{"instances": [{"id": "x", "text": "warm"}, {"id": "y", "text": 1}, {"text": " "}, {"id": "z", "text": "cold"}]}"#
      )
      #expect(answer.status == 200)
      let list = try #require(try answer.tree[path: "predictions"]?.listValue)
      #expect(list.map { $0[path: "id"]?.stringValue } == ["x", "y", nil, "z"])
      #expect(list.map { $0[path: "labels"] != nil } == [true, false, false, true])
      #expect(list[1][path: "error.what"] == "'text' is not a text")
      #expect(list[2][path: "error.what"] == "nothing is left to predict from: text empty")
      let none = await served.post(#"{"instances": [{"text": 1}]}"#)
      #expect(none.status == 422)
      let values = await served.metrics()
      #expect(values[#"seesaw_samples_refused_total{model="small"}"#] == 3)
    }
  }

  @Test("what is passed over is told")
  func notes() async throws {
    try await ServedRun.with { served in
      let answer = await served.post(#"{"caption": "warm", "colour": "red"}"#)
      #expect(answer.status == 200)
      let tree = try answer.tree
      #expect(tree[path: "notes"] == ["the key 'caption' is taken for 'text'", "keys not used: colour"])
    }
  }

  @Test(
    "a request that is none is refused with a sentence",
    arguments: [
      ("", 400, "the body is empty"), ("{", 400, "a key in quotes is missing"),
      ("[1]", 400, "the body is a list, no sample"),
      ("{\"text\": \"a\"} x", 400, "something follows the end of the JSON"),
      (#"{"instances": []}"#, 400, "'instances' is no list of samples"),
      (#"{"instances": [{"text": "warm"}], "id": 1}"#, 400, "'id' beside 'instances'"),
      (#"{"text": 1}"#, 422, "'text' is not a text"),
      (#"{"txt": "a"}"#, 422, "'txt' is not one of id, image, text, audio and features; did you mean 'text'?"),
      (#"{}"#, 422, "there is no image, text, audio or features to predict from"),
      (#"{"features": {"image": [1, 2]}}"#, 422, nil), (#"{"features": {"smell": [1]}}"#, 422, nil),
      (#"{"audio": "data:;base64,AAAA"}"#, 422, nil), (#"{"image": "data:;base64,AAAA"}"#, 422, nil),
    ] as [(String, Int, String?)])
  func malformed(_ body: String, _ status: Int, _ what: String?) async throws {
    try await ServedRun.with { served in
      let answer = await served.post(body)
      #expect(answer.status == status, "\(answer.text)")
      if let what { #expect(answer.what == what) }
      #expect(answer.what?.isEmpty == false)
      #expect(!answer.text.contains("/dev/null"), "\(answer.text)")
    }
  }

  @Test("bodies of other types, and forms that are cut short, are refused with a sentence")
  func otherBodies() async throws {
    try await ServedRun.with { served in
      func ask(_ type: String?, _ body: String) async -> Response {
        await served.ask(Request("POST", Self.address, contentType: type, body: Array(body.utf8)))
      }
      for type in [nil, "text/plain", "application/x-www-form-urlencoded"] {
        #expect(await ask(type, #"{"text": "warm"}"#).status == 415)
      }
      let bytes = Request("POST", Self.address, contentType: "application/json", body: [0x22, 0xFF, 0x22])
      #expect(await served.ask(bytes).what == "the body is not UTF-8 text")
      let form = "multipart/form-data; boundary=cut"
      let name = "Content-Disposition: form-data; name="
      for (body, what) in [
        ("", "the boundary that the header names is not in the body"),
        ("--cut\r\n\(name)text\r\n\r\na", "part 1 of the multipart body is cut short, or has no name"),
        ("--cut\r\n\r\na\r\n--cut--", "part 1 of the multipart body is cut short, or has no name"),
        ("--cut\r\n\(name)text\r\n\r\na\r\n--cut\r\n\(name)text\r\n\r\nb\r\n--cut--", "two parts are called 'text'"),
        (
          "--cut\r\n\(name)text\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--cut--",
          "a part is encoded as 'base64'"
        ),
        ("--cut\r\n\(name)size\r\n\r\n1\r\n--cut--", "there is no part image, text, audio or features to predict from"),
      ] {
        let answer = await ask(form, body)
        #expect((400...422).contains(answer.status))
        #expect(answer.what == what)
      }
      #expect(await ask("multipart/form-data", "--cut--").what == "the boundary of a multipart body is missing")
    }
  }

  @Test(
    "files of the machine that serves are not read",
    arguments: ["/etc/hostname", "raw/train0.png", "file:///etc/hostname"])
  func paths(_ path: String) async throws {
    try await ServedRun.with { served in
      for key in ["image", "audio"] {
        let answer = await served.post(#"{"\#(key)": "\#(path)"}"#)
        #expect(answer.status == 422)
        #expect(answer.what?.contains("paths are not followed here") == true, "\(answer.text)")
      }
    }
  }

  @Test("paths, models and methods that there are not are refused, with what there is")
  func routes() async throws {
    try await ServedRun.with { served in
      #expect(await served.get("/").status == 404)
      #expect(await served.get("/v1/models/small/predict/x").status == 404)
      let unknown = await served.post("{}", to: "/v1/models/smal/predict")
      #expect(unknown.status == 404)
      #expect(unknown.text.contains("did you mean 'small'?"))
      let method = await served.get(Self.address)
      #expect(method.status == 405 && method.headers["Allow"] == "POST")
      let delete = await served.ask(Request("DELETE", "/v1/models"))
      #expect(delete.status == 405 && delete.headers["Allow"] == "GET, HEAD")
      let models = try await served.get("/v1/models?x=1").tree
      let model = try await served.get("/v1/models/small").tree
      #expect(models[path: "models"]?.listValue?.first == model)
    }
  }

  @Test("bodies that are too large and samples that are too many are refused with 413")
  func size() async throws {
    var limits = Service.Limits()
    limits.body = 100
    try await ServedRun.with(limits, queue: 2) { served in
      let large = await served.post(#"{"text": "\#(String(repeating: "a", count: 100))"}"#)
      #expect(large.status == 413 && large.what == "the body is larger than 100 bytes")
      let many = await served.post(#"{"instances": [{"text": "warm"}, {"text": "b"}, {"text": "c"}]}"#)
      #expect(many.status == 413 && many.what == "3 samples at once, and 2 are the most that may wait")
    }
  }

  @Test("of more requests a second than are allowed, the further ones are told when to come again")
  func rate() async throws {
    var limits = Service.Limits()
    limits.rate = 1e-6
    try await ServedRun.with(limits) { served in
      #expect(await served.post(#"{"text": "warm"}"#).status == 200)
      let second = await served.post(#"{"text": "warm"}"#)
      #expect(second.status == 429, "\(second)")
      #expect((second.headers["Retry-After"].flatMap { Int($0) } ?? 0) > 900_000)
      // Whoever looks after the server is not limited.
      for _ in 0..<3 { #expect(await served.get("/health/live").status == 200) }
    }
  }

  @Test("a server that is stopping lives, is not ready, and answers still")
  func stopping() async throws {
    try await ServedRun.with { served in
      #expect(await served.get("/health/ready").status == 200)
      served.service.drain()
      #expect(await served.get("/health/ready").status == 503)
      #expect(await served.get("/health/live").status == 200)
      #expect(await served.post(#"{"text": "warm"}"#).status == 200)
      served.service.models[0].queue.close()
      let closed = await served.post(#"{"text": "warm"}"#)
      #expect(closed.status == 503 && closed.headers["Retry-After"] == "1")
    }
  }

  @Test("metrics are of Prometheus's form, and count requests, modalities, batches and drift")
  func metrics() async throws {
    try await ServedRun.with { served in
      _ = await served.post(#"{"text": "warm and bright"}"#)
      _ = await served.post(#"{"image": "\#(try served.picture().base64EncodedString())", "text": " "}"#)
      _ = await served.post(#"{"text": 1}"#)
      let response = await served.get("/metrics")
      #expect(response.type.hasPrefix("text/plain; version=0.0.4"))
      let sample = /[a-z_]+(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? -?[0-9.e+-]+/
      var families: Set<Substring> = []
      for line in response.text.split(separator: "\n") {
        if line.hasPrefix("# TYPE ") { #expect(families.insert(line.split(separator: " ")[2]).inserted, "\(line)") }
        if !line.hasPrefix("#") { #expect(line.wholeMatch(of: sample) != nil, "\(line)") }
      }
      let values = await served.metrics()
      #expect(values[#"seesaw_requests_total{model="small",code="200"}"#] == 2)
      #expect(values[#"seesaw_requests_total{model="small",code="422"}"#] == 1)
      #expect(values[#"seesaw_request_seconds_count{model="small"}"#] == 3)
      #expect(values[#"seesaw_modality_samples_total{model="small",modality="image",state="absent"}"#] == 1)
      #expect(values[#"seesaw_modality_samples_total{model="small",modality="image",state="present"}"#] == 1)
      #expect(values[#"seesaw_modality_share{model="small",modality="text",state="empty"}"#] == 0.5)
      #expect(values[#"seesaw_batch_samples_bucket{model="small",le="1"}"#] == 2)
      #expect(values[#"seesaw_prediction_drift_samples{model="small"}"#] == 2)
      #expect(values[#"seesaw_model_info{model="small",digest="\#(served.predictor.digest)"}"#] == 1)
      #expect((values["process_resident_memory_bytes"] ?? 1) > 0)
    }
  }

  @Test("the description names every path, and what it refers to is there")
  func description() async throws {
    try await ServedRun.with { served in
      let tree = try await served.get("/openapi.json").tree
      #expect(
        Set(try #require(tree[path: "paths"]?.tableValue).keys) == [
          "/health/live", "/health/ready", "/metrics", "/openapi.json", "/v1/models", "/v1/models/small", Self.address,
        ])
      let schemas = try #require(tree[path: "components.schemas"]?.tableValue)
      var open = [tree]
      var references = 0
      while let next = open.popLast() {
        open += next.listValue ?? next.tableValue.map { Array($0.values) } ?? []
        guard let reference = next.tableValue?["$ref"]?.stringValue else { continue }
        references += 1
        #expect(schemas[String(reference.trimmingPrefix("#/components/schemas/"))] != nil, "\(reference)")
      }
      #expect(references > 10)
    }
  }
}
