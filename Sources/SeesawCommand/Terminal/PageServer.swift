import FlyingFox
import FlyingSocks
import Foundation
import Records
import Reports
import Synchronization

/// Serves the folder of a report to this machine's browser, at 127.0.0.1 and nowhere else.
///
/// It gives out the files that a report is made of and no others, and only to whoever asks for them under a name of this
/// machine: a page from elsewhere whose name leads here (DNS rebinding) is refused.
final class PageServer: Sendable {
  let port: UInt16
  private let files: PageFiles
  private let server: HTTPServer

  /// Where the page is to be found.
  var address: String { "http://127.0.0.1:\(port)/" }

  /// Starts listening, and answers from then on.
  ///
  /// - Parameters:
  ///   - folder: the folder of the report, which need not be there yet.
  ///   - port: the port to listen on; 0 for one that is free.
  /// - Throws: a `Diagnosis` where that port cannot be listened on.
  init(_ folder: URL, port: UInt16) async throws {
    let files = PageFiles(folder)
    let server = HTTPServer(
      config: .init(address: try .inet(ip4: "127.0.0.1", port: port), logger: .disabled), handler: files)
    do {
      self.port = try await withCheckedThrowingContinuation { continuation in
        let started = Started(continuation)
        Task {
          do { try await server.run() } catch { started.answer(.failure(error)) }
        }
        Task {
          do {
            try await server.waitUntilListening()
            guard case .ip4(_, let port) = await server.listeningAddress else { throw SocketError.unsupportedAddress }
            started.answer(.success(port))
          } catch { started.answer(.failure(error)) }
        }
      }
    } catch {
      guard case SocketError.failed(_, let number, let reason) = error else { throw Diagnosis(describing: error) }
      let taken = "another program listens on it"
      throw Diagnosis(
        "the page cannot be served at port \(port): \(number == EADDRINUSE ? taken : reason)",
        remedy: "name another with --port, or leave it out: then a free one is taken", exitStatus: .usage)
    }
    (self.files, self.server) = (files, server)
  }

  /// From now on the page is there; before, whoever asks is told to wait.
  func begin() { files.asked.withLock { $0.hasBegun = true } }

  /// Serves until a browser has the page as it is now, and what belongs to it, at most for so long; then ends.
  func finish(within longest: Duration, unless stop: @Sendable () -> Bool) async {
    files.asked.withLock { ($0.generation, $0.last) = ($0.generation + 1, nil) }
    let end = ContinuousClock.now + longest
    while ContinuousClock.now < end {
      if stop() { return }
      // What belongs to a page is asked for right after it.
      if let last = files.asked.withLock(\.last), ContinuousClock.now - last > Self.quiet { break }
      try? await Task.sleep(for: .milliseconds(50))
    }
    // What is being sent is sent.
    await server.stop(timeout: 2)
  }

  private static let quiet = Duration.milliseconds(1500)

  /// Who waits for the start; the first answer counts.
  private final class Started: Sendable {
    private let continuation: Mutex<CheckedContinuation<UInt16, any Error>?>

    init(_ continuation: CheckedContinuation<UInt16, any Error>) { self.continuation = Mutex(continuation) }

    func answer(_ result: Result<UInt16, any Error>) {
      continuation.withLock { waiting in
        waiting?.resume(with: result)
        waiting = nil
      }
    }
  }
}

/// What the main thread, which commands run on, waits for.
final class Waited<R: Sendable>: Sendable {
  private let result = Mutex<Result<R, any Error>?>(nil)
  private let ended = DispatchSemaphore(value: 0)

  init(_ work: @escaping @Sendable () async throws -> R) {
    Task.detached { [self] in
      let outcome: Result<R, any Error>
      do { outcome = .success(try await work()) } catch { outcome = .failure(error) }
      result.withLock { $0 = outcome }
      ended.signal()
    }
  }

  /// To be asked for once.
  func value() throws -> R {
    ended.wait()
    guard let result = result.withLock({ $0 }) else { preconditionFailure("signalled without a result") }
    return try result.get()
  }
}

/// The files of a report, by the paths that its page asks for.
final class PageFiles: HTTPHandler {
  struct Asked {
    /// Whether the page is there.
    var hasBegun = false
    /// Which page is meant: what was read before it was written does not count.
    var generation = 0
    /// When something was asked for last, since that page was.
    var last: ContinuousClock.Instant?
  }

  private let folder: URL
  let asked = Mutex(Asked())

  init(_ folder: URL) { self.folder = folder }

  private static let forms = [
    "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "md": "text/markdown; charset=utf-8",
    "tex": "text/plain; charset=utf-8", "csv": "text/csv; charset=utf-8", "png": "image/png", "jpg": "image/jpeg",
    "gif": "image/gif", "bmp": "image/bmp", "webp": "image/webp",
  ]
  private static let names: Set = ["index.html", ReportFolder.plotlyName, "table.md", "table.tex", "table.csv"]

  func handleRequest(_ request: HTTPRequest) async throws -> HTTPResponse {
    guard Self.isOfThisMachine(request.headers[.host]) else {
      return Self.refusal(.forbidden, "This page is served under localhost and 127.0.0.1 alone.", request)
    }
    guard [.GET, .HEAD].contains(request.method) else {
      var answer = Self.refusal(.methodNotAllowed, "This page can be read, and nothing else.", request)
      answer.headers[HTTPHeader("Allow")] = "GET, HEAD"
      return answer
    }
    let asIs = request.target.path()
    let path = asIs == "/" ? "/index.html" : asIs
    guard let file = file(at: path) else { return Self.refusal(.notFound, "There is no such file here.", request) }
    let isPage = path == "/index.html"
    if isPage, !asked.withLock(\.hasBegun) {
      var answer = Self.refusal(.ok, "The first run has not begun yet. This page comes when it has.", request)
      answer.headers[HTTPHeader("Refresh")] = "1"
      return answer
    }
    let generation = asked.withLock(\.generation)
    // Whole, since the page is replaced while it is read.
    guard let data = try? Data(contentsOf: file) else {
      return Self.refusal(.notFound, "There is no such file here.", request)
    }
    if request.method == .GET {
      asked.withLock {
        if $0.generation == generation, isPage || $0.last != nil { $0.last = ContinuousClock.now }
      }
    }
    let digest = "\"\(Data(SHA256.hash(data: data).bytes).base64EncodedString())\""
    let isKnown = request.headers[.ifNoneMatch] == digest
    return Self.answer(
      isKnown ? .notModified : .ok, data, form: Self.forms[file.pathExtension] ?? "", request,
      [.eTag: digest])
  }

  /// The file that a path names; nil where the report has none there, or a link leads to it.
  private func file(at path: String) -> URL? {
    guard path.first == "/", let plain = path.dropFirst().removingPercentEncoding else { return nil }
    let parts = plain.split(separator: "/", omittingEmptySubsequences: false)
    let isPicture =
      parts.count == 2 && parts[0] == "images" && !parts[1].hasPrefix(".") && !plain.contains("\0")
      && Self.forms[String(parts[1].split(separator: ".").last ?? "")]?.hasPrefix("image/") == true
    guard isPicture || Self.names.contains(plain) else { return nil }
    let file = folder.appending(path: plain)
    let isOwn = file.resolvingSymlinksInPath().path == folder.resolvingSymlinksInPath().appending(path: plain).path
    let isPage = plain == "index.html"
    let values = try? file.resourceValues(forKeys: [.isRegularFileKey])
    return isOwn && (values?.isRegularFile ?? isPage) ? file : nil
  }

  /// Whether a `Host` names this machine, at whatever port: a tunnel begins at another one.
  static func isOfThisMachine(_ host: String?) -> Bool {
    guard let parts = host?.lowercased().split(separator: ":", omittingEmptySubsequences: false) else { return false }
    let isPort = parts.count == 1 || parts.count == 2 && UInt16(parts[1]) != nil
    return isPort && ["localhost", "127.0.0.1"].contains(parts[0])
  }

  private static func refusal(_ status: HTTPStatusCode, _ sentence: String, _ request: HTTPRequest) -> HTTPResponse {
    answer(status, Data("\(sentence)\n".utf8), form: "text/plain; charset=utf-8", request)
  }

  private static func answer(
    _ status: HTTPStatusCode, _ data: Data, form: String, _ request: HTTPRequest, _ more: [HTTPHeader: String] = [:]
  ) -> HTTPResponse {
    var headers = HTTPHeaders(more)
    headers[.contentType] = form
    headers[.cacheControl] = "no-cache"
    headers[HTTPHeader("X-Content-Type-Options")] = "nosniff"
    // No other page may take a picture or a script from here.
    headers[HTTPHeader("Cross-Origin-Resource-Policy")] = "same-origin"
    let hasBody = request.method != .HEAD && status != .notModified
    if status != .notModified { headers[.contentLength] = String(data.count) }
    return HTTPResponse(statusCode: status, headers: headers, body: hasBody ? data : Data())
  }
}
