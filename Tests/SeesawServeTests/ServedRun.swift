import Encoders
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@testable import SeesawServe

/// A small run over pictures and texts, and a service that answers with it.
struct ServedRun {
  let folder: URL
  let service: Service

  var run: URL { folder.appending(path: "run") }
  var predictor: Predictor { service.models[0].predictor }

  /// The bytes of one of its pictures.
  func picture(_ number: Int = 0) throws -> Data {
    try Data(contentsOf: folder.appending(path: "raw/train\(number).png"))
  }

  private static let counts = [("train", 12), ("validation", 6), ("test", 6)]

  /// Trains in a folder of its own, which is removed afterwards.
  static func with(
    _ limits: Service.Limits = Service.Limits(), queue: Int = 64, _ body: (ServedRun) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "seesaw-test-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try write(to: folder.appending(path: "raw"))
    var encode = EncodeRequest(raw: folder.appending(path: "raw"), out: folder.appending(path: "data"))
    encode.cache = folder.appending(path: "cache")
    _ = try Experiment.encode(encode)
    var train = TrainRequest(data: folder.appending(path: "data"))
    train.method = "joint"
    train.out = folder.appending(path: "run")
    train.settings = ["training.threads=1", "training.epochs=2", "training.batch_size=6"]
    guard case .finished = try Experiment.train(train, stop: StopFlag()) else {
      Issue.record("the run is not finished")
      return
    }
    var queued = BatchingPredictor.Limits()
    queued.queue = queue
    let predictor = try Predictor(run: folder.appending(path: "run"))
    let model = ServedModel(
      name: "small", predictor: predictor, limits: queued,
      evidence: try RunFolder(folder.appending(path: "run")).readEvidence())
    try await body(
      ServedRun(folder: folder, service: Service([model], limits: limits, keys: try PredictionKeys())))
  }

  private static func write(to raw: URL) throws {
    var lines = ["id,image,text,label,split"]
    let made = MadeUpFolder(raw)
    for (split, count) in counts {
      for number in 0..<count {
        let id = "\(split)\(number)"
        let isFirst = number % 2 == 0
        let pixels = numbers(12 * 9 * 3, seed: UInt64(number + 1), in: 0...1).map {
          UInt8($0 * 120) + (isFirst ? 100 : 0)
        }
        try made.write("\(id).png", RGBImage(width: 12, height: 9, pixels: pixels).png())
        lines.append(
          "\(id),\(id).png,\(isFirst ? "warm and bright" : "cold and dark") words,\(isFirst ? "a" : "b"),\(split)")
      }
    }
    try made.write("samples.csv", lines.joined(separator: "\n") + "\n")
  }

  // MARK: Asking

  static let address = "/v1/models/small/predict"

  /// What a request is answered with, refused early or not.
  func ask(_ request: Request) async -> Response {
    if let refusal = service.refusal(request, length: request.body.count) { return refusal }
    return await service.respond(to: request)
  }

  func get(_ path: String) async -> Response { await ask(Request("GET", path)) }

  func post(_ json: String, to path: String = address) async -> Response {
    await ask(Request("POST", path, contentType: "application/json", body: Array(json.utf8)))
  }

  func metrics() async -> [String: Double] {
    var values: [String: Double] = [:]
    for line in await get("/metrics").text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let gap = line.lastIndex(of: " ") else { continue }
      values[String(line[..<gap])] = Double(line[line.index(after: gap)...])
    }
    return values
  }
}

extension Response {
  var tree: Tree {
    get throws { try Tree(json: body) }
  }

  /// What is wrong, as the answer says it.
  var what: String? { (try? tree)?[path: "error.what"]?.stringValue }
}
