import Experiments
import Foundation
import Records
import Synchronization

/// One model under its name.
struct ServedModel: Sendable {
  let name: String
  let queue: BatchingPredictor
  let monitor: ModelMonitor

  var predictor: Predictor { queue.predictor }

  init(name: String, predictor: Predictor, limits: BatchingPredictor.Limits, evidence: RunEvidence?) {
    self.name = name
    let monitor = ModelMonitor(
      classes: predictor.classes, modalities: predictor.modalities, isMultiLabel: predictor.isMultiLabel,
      evidence: evidence)
    self.monitor = monitor
    queue = BatchingPredictor(predictor, limits: limits) { monitor.batch($0, seconds: $1) }
  }

  /// What `/v1/models` tells.
  var tree: Tree {
    [
      "name": .string(name), "digest": .string(predictor.digest),
      "classes": .list(predictor.classes.map(Tree.string)),
      "modalities": .list(
        predictor.modalities.map { modality in
          [
            "name": .string(modality), "encoded": .bool(predictor.encodable.contains(modality)),
            "features": .int(predictor.featureCounts[modality] ?? 0),
          ]
        }), "multi_label": .bool(predictor.isMultiLabel),
    ]
  }

  static let keyOrder = ["name", "digest", "classes", "modalities", "encoded", "features", "multi_label"]
}

/// Answers requests; knows nothing of sockets.
final class Service: Sendable {
  struct Limits: Sendable {
    /// Bytes of one request's body.
    var body = 16_000_000
    /// Requests a second from one address; nil for no limit.
    var rate: Double?
  }

  let models: [ServedModel]
  let limits: Limits
  private let keys: PredictionKeys
  /// The usual spelling of the path that nearly every request has.
  private let byPath: [String: ServedModel]
  private let rate: RateLimit?
  private let counts = Mutex(Counts())
  private let draining = Atomic<Bool>(false)
  private let clock = ContinuousClock()
  private let birth = ContinuousClock.now

  private struct Counts {
    var requests: [Key: Int] = [:]
    var seconds: [String: Histogram] = [:]
    var connections = 0
  }

  private struct Key: Hashable {
    var model: String
    var status: Int
  }

  init(_ models: [ServedModel], limits: Limits = Limits(), keys: PredictionKeys) {
    self.models = models
    self.limits = limits
    self.keys = keys
    byPath = Dictionary(
      models.map { ("/v1/models/\($0.name)/predict", $0) }, uniquingKeysWith: { first, _ in first })
    rate = limits.rate.map(RateLimit.init)
  }

  /// From now on `/health/ready` says no.
  func drain() { draining.store(true, ordering: .relaxed) }

  var isDraining: Bool { draining.load(ordering: .relaxed) }

  func connected(_ change: Int) { counts.withLock { $0.connections += change } }

  /// Requests that were answered, refusals among them.
  var answered: Int { counts.withLock { $0.requests.values.reduce(0, +) } }

  // MARK: Routes

  /// What a path leads to.
  private enum Route {
    case live, ready, metrics, description, models
    case model(ServedModel)
    case predict(ServedModel)

    var method: String { if case .predict = self { "POST" } else { "GET" } }
  }

  private func route(_ path: String) throws -> Route {
    if let model = byPath[path] { return .predict(model) }
    switch path {
    case "/health/live": return .live
    case "/health/ready": return .ready
    case "/metrics": return .metrics
    case "/openapi.json": return .description
    case "/v1/models": return .models
    default: break
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count >= 4, parts[1] == "v1", parts[2] == "models",
      parts.count == 4 || parts.count == 5 && parts[4] == "predict"
    else {
      throw Refused(
        404, "there is nothing here", place: path.clipped(200), remedy: "GET /openapi.json says what there is")
    }
    let name = parts[3].removingPercentEncoding ?? parts[3]
    guard let model = models.first(where: { $0.name == name }) else {
      let near = nearest(to: name, in: models.map(\.name)).map { "did you mean '\($0)'?" }
      throw Refused(
        404, "no model is called '\(name.clipped(200))'", found: near.map { [$0] } ?? [],
        remedy: "GET /v1/models names them")
    }
    return parts.count == 5 ? .predict(model) : .model(model)
  }

  /// What can be refused before the body has arrived; nil to go on.
  ///
  /// - Parameter length: of the body, where it is told.
  func refusal(_ request: Request, length: Int?) -> Response? {
    do {
      let route = try route(request.path)
      guard request.method == route.method || request.method == "HEAD" && route.method == "GET" else {
        throw Refused(
          405, "\(request.method.clipped(40)) is not answered here", place: request.path.clipped(200),
          remedy: "use \(route.method)", headers: ["Allow": route.method == "GET" ? "GET, HEAD" : route.method])
      }
      guard case .predict = route else {
        if let length, length > 0 { try checkLength(length) }
        return nil
      }
      if let wait = rate?.wait(request.client, now: now) {
        throw Refused(
          429, "more than \(PrometheusText.number(limits.rate ?? 0)) requests a second from one address",
          remedy: "wait, or ask about several samples at once: {\"instances\": […]}",
          headers: ["Retry-After": "\(Int(wait.rounded(.up)))"])
      }
      if let length { try checkLength(length) }
      return nil
    } catch { return refuse(error, request, seconds: 0) }
  }

  private func checkLength(_ length: Int) throws {
    if length > limits.body { throw tooLarge }
  }

  /// Of a body that is larger than may be.
  var tooLarge: Refused {
    Refused(
      413, "the body is larger than \(limits.body) bytes",
      remedy: "send less at once, or start the server with a larger --max-body")
  }

  /// Answers a request that was not refused before.
  func respond(to request: Request) async -> Response {
    await withCheckedContinuation { continuation in
      respond(to: request) { continuation.resume(returning: $0()) }
    }
  }

  /// The same without a task: reading the request and writing the answer stay on the caller's thread.
  ///
  /// - Parameter done: is called once, here or on the thread of a model, with what makes the answer; to be called once, where
  ///   it does not keep a model waiting.
  func respond(to request: Request, done: @escaping @Sendable (_ answer: @escaping @Sendable () -> Response) -> Void) {
    let start = now
    @Sendable func finish(_ response: () throws -> Response) -> Response {
      do {
        let response = try response()
        count(response.status, request, seconds: now - start)
        return response
      } catch { return refuse(error, request, seconds: now - start) }
    }
    do {
      let route = try route(request.path)
      guard case .predict(let model) = route else {
        let response = finish { try answer(route) }
        return done { response }
      }
      let asked = try Samples(request, keys: keys, most: model.queue.limits.queue)
      try model.queue.submit(asked.samples.compactMap { try? $0.input.get() }) { results in
        done { finish { self.answer(asked, results, model) } }
      }
    } catch {
      let response = refuse(error, request, seconds: now - start)
      done { response }
    }
  }

  /// The answer to what asks for no prediction.
  private func answer(_ route: Route) throws -> Response {
    switch route {
    case .live: return Response(["status": "live"])
    case .ready:
      if isDraining { throw Refused(503, "the server is stopping") }
      return Response(["status": "ready"])
    case .metrics: return Response(text: metrics(), type: PrometheusText.type)
    case .description: return Response(OpenAPI.description(of: models), order: OpenAPI.keyOrder)
    case .models: return Response(["models": .list(models.map(\.tree))], order: ServedModel.keyOrder)
    case .model(let model), .predict(let model): return Response(model.tree, order: ServedModel.keyOrder)
    }
  }

  /// The answer to an error, which is counted.
  func refuse(_ error: any Error, _ request: Request?, seconds: Double) -> Response {
    let refused: Refused =
      switch error {
      case let known as Refused: known
      case let full as BatchingPredictor.Refusal:
        switch full {
        case .tooMany: Refused(413, full.diagnosis)
        case .full, .closed: Refused(503, full.diagnosis, headers: ["Retry-After": "1"])
        }
      default: Refused(500, Diagnosis(describing: error))
      }
    count(refused.status, request, seconds: seconds)
    return refused.response
  }

  private var now: Double {
    let time = birth.duration(to: clock.now).components
    return Double(time.seconds) + Double(time.attoseconds) * 1e-18
  }

  // MARK: Predictions

  private func answer(
    _ asked: Samples, _ results: [Result<Prediction, Diagnosis>], _ model: ServedModel
  ) -> Response {
    var notes = asked.notes
    notes += model.predictor.passedOver(asked.samples.compactMap { try? $0.input.get() }).map {
      "\($0) is passed over: the model was trained without it"
    }
    var rest = results[...]
    let answers = asked.samples.map { sample in
      sample.input.flatMap { _ in rest.popFirst() ?? .failure(Diagnosis("no answer was given")) }.map { prediction in
        var prediction = prediction
        prediction.id = sample.id
        return prediction
      }
    }
    for answer in answers {
      if case .success(let prediction) = answer { model.monitor.answered(prediction) } else { model.monitor.refused() }
    }
    var text = JSONText()
    if asked.isSingle {
      Self.write(answers[0], id: asked.samples[0].id, notes: notes, to: &text)
    } else {
      text.appendTable { text in
        text.append(key: "predictions")
        text.appendList(zip(asked.samples, answers)) { Self.write($1.1, id: $1.0.id, to: &$0) }
        if !notes.isEmpty { text.append(key: "notes", notes) }
      }
    }
    return Response(text, status: Self.status(answers))
  }

  /// One sample's error is the request's.
  private static func status(_ answers: [Result<Prediction, Diagnosis>]) -> Int {
    var failure: Diagnosis?
    for answer in answers {
      switch answer {
      case .success: return 200
      case .failure(let diagnosis): failure = failure ?? diagnosis
      }
    }
    return failure == nil ? 200 : failure?.exitStatus == .defect ? 500 : 422
  }

  private static func write(
    _ answer: Result<Prediction, Diagnosis>, id: String?, notes: [String] = [], to text: inout JSONText
  ) {
    switch answer {
    case .success(let prediction): PredictionLine.write(prediction, notes: notes, to: &text)
    case .failure(let diagnosis):
      var answer: Tree = ["error": Refused.tree(placed(diagnosis))]
      answer[path: "id"] = id.map(Tree.string)
      if !notes.isEmpty { answer[path: "notes"] = .list(notes.map(Tree.string)) }
      text.append(answer, order: ["id"] + Refused.keyOrder)
    }
  }

  /// Bytes that came with the request are in no file: the key names them.
  private static func placed(_ diagnosis: Diagnosis) -> Diagnosis {
    var diagnosis = diagnosis
    diagnosis.place = diagnosis.place.map { place in
      place.hasPrefix("/dev/null/") ? String(place.dropFirst("/dev/null/".count).prefix { $0 != "/" }) : place
    }
    return diagnosis
  }

  // MARK: Metrics

  private func count(_ status: Int, _ request: Request?, seconds: Double) {
    var model = ""
    if let request, case .predict(let found)? = try? route(request.path) { model = found.name }
    counts.withLock {
      $0.requests[Key(model: model, status: status), default: 0] += 1
      $0.seconds[model, default: Histogram(Histogram.seconds)].add(seconds)
    }
  }

  private func metrics() -> String {
    let counts = counts.withLock { $0 }
    var text = PrometheusText()
    text.family("seesaw_requests_total", .counter, "Requests by model (none for what is no prediction) and status.")
    for (key, count) in counts.requests.sorted(by: { ($0.key.model, $0.key.status) < ($1.key.model, $1.key.status) }) {
      text.sample("seesaw_requests_total", [("model", key.model), ("code", "\(key.status)")], count)
    }
    text.family("seesaw_request_seconds", .histogram, "From the end of a request to its answer.")
    for (model, histogram) in counts.seconds.sorted(by: { $0.key < $1.key }) {
      text.histogram("seesaw_request_seconds", [("model", model)], histogram)
    }
    text.family("seesaw_queue_samples", .gauge, "Samples that wait.")
    for model in models { text.sample("seesaw_queue_samples", [("model", model.name)], model.queue.waiting) }
    ModelMonitor.write(models.map { ($0.name, $0.monitor) }, to: &text)
    text.family("seesaw_model_info", .gauge, "The digest of the model that answers.")
    for model in models {
      text.sample("seesaw_model_info", [("model", model.name), ("digest", model.predictor.digest)], 1)
    }
    text.family("seesaw_ready", .gauge, "1, and 0 once the server is stopping.")
    text.sample("seesaw_ready", [], isDraining ? 0 : 1)
    text.family("seesaw_connections", .gauge, "Open connections.")
    text.sample("seesaw_connections", [], counts.connections)
    text.family("seesaw_uptime_seconds", .gauge, "How long the server has run.")
    text.sample("seesaw_uptime_seconds", [], now)
    if let memory = Self.residentMemory {
      text.family("process_resident_memory_bytes", .gauge, "Memory in use.")
      text.sample("process_resident_memory_bytes", [], memory)
    }
    return text.text
  }

  /// Nil where the system does not tell.
  private static var residentMemory: Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
    return text.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map {
      $0 * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
  }
}
