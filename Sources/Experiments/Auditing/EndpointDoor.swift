import Foundation
import Multimodal
import Records
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// A model behind a server that takes chat requests in the form that vLLM, llama.cpp and others share.
///
/// Nothing is sent but to the address that the user names. A picture goes as a data URI, the classes as the answers that the
/// schema allows. Where the server gives log probabilities of its first word, classes have those; else the answer's words
/// are the label, and what is no class is counted as no answer, never guessed.
final class EndpointDoor: Sendable {
  struct Settings: Sendable {
    let url: URL
    let model: String
    /// With `{text}` and `{classes}` in it.
    let prompt: String
    let jobs: Int
    let timeout: Double

    init(_ request: AuditRequest.EndpointRequest, jobs: Int, timeout: Double) throws {
      guard let url = URL(string: request.address), ["http", "https"].contains(url.scheme), url.host != nil else {
        throw Diagnosis(
          "'\(request.address.escapedForTerminal.clipped(120))' is no address of a server", place: "--endpoint",
          remedy: "--endpoint http://localhost:8000/v1", exitStatus: .usage)
      }
      self.url = url.path.hasSuffix("/chat/completions") ? url : url.appending(path: "chat/completions")
      model = request.model
      let bytes = try BoundedFile.read(request.prompt, limit: 1 << 20)
      guard let text = String(validating: bytes, as: UTF8.self), !text.allSatisfy(\.isWhitespace) else {
        throw Diagnosis(
          "the prompt is empty, or not UTF-8 text", place: request.prompt.relativePath, exitStatus: .input)
      }
      prompt = text
      self.jobs = jobs
      self.timeout = timeout
    }

    /// What answers are kept under besides the request.
    func identity(_ stamp: String?) -> String { "endpoint \(url.absoluteString)\n\(model)\n\(stamp ?? "")\n\(prompt)" }
  }

  /// What stands for an answer that is no class.
  static let noAnswer = "(no answer)"

  private let settings: Settings
  private let source: RawAuditSource
  private let classes: [String]
  private let session: URLSession

  /// - Parameter classes: those of the data, and ``noAnswer``.
  init(_ settings: Settings, _ source: any AuditSource, classes: [String]) throws {
    guard let source = source as? RawAuditSource, !source.modalities.contains(RawInput.Kind.audio.rawValue) else {
      throw Diagnosis(
        "an endpoint is asked about pictures and texts, and the data holds others", place: "--endpoint",
        remedy: "audit raw data of pictures and texts", exitStatus: .usage)
    }
    guard !source.samples.isMultiLabel else {
      throw Diagnosis(
        "samples have several labels, and an endpoint answers with one", place: "--endpoint",
        remedy: "use --command", exitStatus: .usage)
    }
    self.settings = settings
    self.source = source
    self.classes = classes
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = settings.timeout
    configuration.httpMaximumConnectionsPerHost = settings.jobs
    session = URLSession(configuration: configuration)
  }

  /// Asks for everything that is not known.
  func run(_ plan: AuditPlan, _ store: AnswerStore, stop: StopFlag, events: @escaping EventSink) throws {
    let wanted = store.unanswered
    // So many at a time that little is lost if the process ends.
    let portion = 4 * settings.jobs
    for start in stride(from: 0, to: wanted.count, by: portion) {
      if stop.isRequested { throw CancellationError() }
      let requests = wanted[start..<min(start + portion, wanted.count)].map(Int.init)
      let form = store.form
      let answers = try parallelMap(requests.count, threads: settings.jobs) { place in
        if stop.isRequested { throw CancellationError() }
        return try ask(body(plan.shown(requests[place])))
      }
      // A server either gives log probabilities or does not; one answer without a usable one does not change that.
      let isSure = form.map { $0 == .probabilities } ?? answers.contains { $0.probabilities != nil }
      try store.take(
        zip(requests, answers).map { request, answer in
          let values = (isSure ? answer.probabilities : nil) ?? answer.label
          return (request, ModelScores(form: isSure ? .probabilities : .label, values: values))
        })
      events(.progress(label: "Asking", done: store.answered, total: plan.count, detail: "requests"))
    }
    try store.synchronize()
  }

  // MARK: Requests

  /// The body of the request that shows so much.
  private func body(_ shown: [AuditCell]) throws -> Data {
    var parts: [Tree] = []
    var text: String?
    for (modality, cell) in shown.enumerated() {
      if source.modalities[modality] == RawInput.Kind.image.rawValue {
        for bytes in try source.pictures(cell, modality) ?? [] {
          let address = "data:\(Self.type(of: bytes));base64,\(bytes.base64EncodedString())"
          parts.append(["type": "image_url", "image_url": ["url": .string(address)]])
        }
      } else if case .text(let found)? = try source.inputs(cell, modality)?.first {
        text = found
      }
    }
    parts.append(["type": "text", "text": .string(Self.prompt(settings.prompt, text: text, classes: named))])
    let tree: Tree = [
      "model": .string(settings.model), "temperature": 0, "max_tokens": 32, "logprobs": true, "top_logprobs": 20,
      "messages": [["role": "user", "content": .list(parts)]],
      "response_format": [
        "type": "json_schema",
        "json_schema": [
          "name": "label", "strict": true, "schema": ["type": "string", "enum": .list(named.map(Tree.string))],
        ],
      ],
    ]
    return Data(tree.json().utf8)
  }

  private var named: [String] { classes.filter { $0 != Self.noAnswer } }

  /// The prompt with a text in it; of an absent text the lines that would hold it are left out.
  static func prompt(_ template: String, text: String?, classes: [String]) -> String {
    var lines = template.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if text == nil { lines.removeAll { $0.contains("{text}") } }
    // Braces in the text are the text's.
    let pieces = lines.joined(separator: "\n").replacing("{classes}", with: classes.joined(separator: ", "))
      .components(separatedBy: "{text}")
    return pieces.joined(separator: text ?? "")
  }

  private static func type(of bytes: Data) -> String {
    switch bytes.first {
    case 0xFF: "image/jpeg"
    case UInt8(ascii: "R"): "image/webp"
    case UInt8(ascii: "G"): "image/gif"
    case UInt8(ascii: "B"): "image/bmp"
    case UInt8(ascii: "I"), UInt8(ascii: "M"): "image/tiff"
    default: "image/png"
    }
  }

  private func ask(_ body: Data) throws -> (label: [Double], probabilities: [Double]?) {
    var request = URLRequest(url: settings.url)
    request.httpMethod = "POST"
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    if let key = ProcessInfo.processInfo.environment["SEESAW_ENDPOINT_KEY"], !key.isEmpty {
      request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization")
    }
    request.httpBody = body
    var tries = 0
    while true {
      tries += 1
      let (data, status, reason) = send(request)
      switch status {
      case 200: return try understand(data)
      case 0, 429, 500...:
        guard tries < 3 else { throw refusal(data, status, reason) }
        // A server that is busy or starting.
        Thread.sleep(forTimeInterval: 0.2 * Double(tries * tries))
      default: throw refusal(data, status, reason)
      }
    }
  }

  private func refusal(_ data: Data, _ status: Int, _ reason: String?) -> Diagnosis {
    let said = String(decoding: data.prefix(300), as: UTF8.self).escapedForTerminal
    return Diagnosis(
      status == 0 ? "the server cannot be reached" : "the server refuses with the status \(status)",
      place: settings.url.absoluteString, found: [reason, said].compactMap { $0 }.filter { !$0.isEmpty },
      remedy: "what was answered is kept, and the same command goes on")
  }

  private func send(_ request: URLRequest) -> (Data, Int, String?) {
    let ended = DispatchSemaphore(value: 0)
    let answer = Mutex<(Data, Int, String?)>((Data(), 0, nil))
    session.dataTask(with: request) { data, response, error in
      answer.withLock {
        $0 = ((data ?? Data()), (response as? HTTPURLResponse)?.statusCode ?? 0, error?.localizedDescription)
      }
      ended.signal()
    }.resume()
    ended.wait()
    return answer.withLock { $0 }
  }

  // MARK: Answers

  private func understand(_ data: Data) throws -> (label: [Double], probabilities: [Double]?) {
    guard data.count <= ModelAnswer.longest, let text = String(validating: data, as: UTF8.self),
      let tree = try? Tree(json: text), let choice = tree[path: "choices"]?.listValue?.first,
      choice[path: "message"] != nil
    else {
      throw Diagnosis(
        "the server's answer is no chat completion", place: settings.url.absoluteString,
        found: [String(decoding: data.prefix(300), as: UTF8.self).escapedForTerminal])
    }
    let tokens = (choice[path: "logprobs.content"]?.listValue ?? []).map { token in
      (token[path: "top_logprobs"]?.listValue ?? []).compactMap { entry -> (String, Double)? in
        guard let word = entry[path: "token"]?.stringValue, let value = entry[path: "logprob"]?.numberValue else {
          return nil
        }
        return (word, value)
      }
    }
    return Self.scores(choice[path: "message.content"]?.stringValue ?? "", tokens, classes)
  }

  /// What an answer says: its words as a label, and what its first telling token gives each class; nil where none does.
  ///
  /// - Parameters:
  ///   - tokens: for each place of the answer the likeliest tokens and their log probabilities.
  ///   - classes: the last of them is ``noAnswer``.
  static func scores(
    _ answer: String, _ tokens: [[(token: String, value: Double)]], _ classes: [String]
  ) -> (label: [Double], probabilities: [Double]?) {
    let named = classes.dropLast()
    func plain(_ text: String) -> String {
      text.trimmingCharacters(in: .whitespacesAndNewlines.union(CharacterSet(charactersIn: "\"'.`"))).lowercased()
    }
    let place = named.firstIndex { plain($0) == plain(answer) } ?? classes.count - 1
    let label = classes.indices.map { $0 == place ? 1.0 : 0 }
    // Quotes and spaces come before it.
    guard let first = tokens.first(where: { place in place.contains { !plain($0.token).isEmpty } }) else {
      return (label, nil)
    }
    var given = [Double](repeating: 0, count: classes.count)
    for (token, value) in first where !plain(token).isEmpty {
      let begun = named.indices.filter { plain(named[$0]).hasPrefix(plain(token)) }
      // A token that several classes begin with says nothing of which.
      if begun.count == 1 { given[begun[0]] += exp(value) }
    }
    let sum = given.reduce(0, +)
    guard sum > 0.5 else { return (label, nil) }
    return (label, given.map { $0 / sum })
  }
}
