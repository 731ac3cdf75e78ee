import Experiments
import Foundation
import NIOCore
import NIOPosix
import Records
import Synchronization
import Testing

@testable import SeesawServe

/// Bytes in and out of a socket, without an HTTP client that would keep wrong requests from being sent.
private struct RawClient {
  let port: Int

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private var bytes = ByteBuffer()
    private let done: EventLoopPromise<String>

    init(_ done: EventLoopPromise<String>) { self.done = done }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      var part = unwrapInboundIn(data)
      bytes.writeBuffer(&part)
    }

    // Also where the connection was reset before it was ever active.
    func handlerRemoved(context: ChannelHandlerContext) { done.succeed(String(buffer: bytes)) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }

  /// All that is answered until the server closes the connection.
  func exchange(_ bytes: String) async throws -> String {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let done = loop.makePromise(of: String.self)
    do {
      let channel = try await ClientBootstrap(group: loop).channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Collector(done)) }
      }.connect(host: "127.0.0.1", port: port).get()
      try? await channel.writeAndFlush(ByteBuffer(string: bytes))
    } catch {
      done.fail(error)
    }
    return try await done.futureResult.get()
  }

  static func post(_ body: String, _ headers: String = "Connection: close\r\n") -> String {
    "POST \(ServedRun.address) HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\(headers)"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }
}

private final class Tally: Sendable {
  private let value = Mutex(0)
  var count: Int { value.withLock { $0 } }
  func add() { value.withLock { $0 += 1 } }
}

@Suite("The server at its port")
struct ListenerTests {
  private func withListener(
    _ limits: Service.Limits = Service.Limits(), timeouts: Connection.Timeouts = Connection.Timeouts(),
    _ body: (ServedRun, Listener, RawClient) async throws -> Void
  ) async throws {
    try await ServedRun.with(limits) { served in
      let listener = try await Listener(served.service, host: "127.0.0.1", port: 0, timeouts: timeouts)
      let client = RawClient(port: try #require(listener.address.port))
      do { try await body(served, listener, client) } catch {
        await listener.stop(grace: 5)
        throw error
      }
      await listener.stop(grace: 5)
    }
  }

  private func status(_ answer: String) -> Int? { answer.split(separator: " ").dropFirst().first.flatMap { Int($0) } }

  @Test("requests that follow each other on one connection are answered in order, and HEAD without a body")
  func pipelined() async throws {
    try await withListener { _, _, client in
      let answer = try await client.exchange(
        RawClient.post(#"{"id": "first", "text": "warm"}"#, "") + "HEAD /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
          + RawClient.post(#"{"id": "second", "text": "warm"}"#))
      #expect(answer.components(separatedBy: "HTTP/1.1 200 OK").count == 4, "\(answer)")
      let places = ["first", "second"].compactMap { answer.range(of: "\"id\":\"\($0)\"")?.lowerBound }
      #expect(places.count == 2 && places[0] < places[1])
      #expect(!answer.contains("live"))
    }
  }

  @Test(
    "what is no HTTP is answered with a status and a sentence",
    arguments: [
      ("GARBAGE\r\n\r\n", 400), ("GET / HTTP/9.9\r\n\r\n", 400), ("\u{0}\u{1}\u{2}\r\n\r\n", 400),
      ("POST \(ServedRun.address) HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
      ("POST \(ServedRun.address) HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
      ("POST \(ServedRun.address) HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
      ("GET / HTTP/1.1\r\nX: \(String(repeating: "a", count: 100_000))\r\n\r\n", 431),
    ])
  func malformed(_ bytes: String, _ expected: Int) async throws {
    var timeouts = Connection.Timeouts()
    timeouts.stopping = .milliseconds(100)
    try await withListener(timeouts: timeouts) { _, _, client in
      let answer = try await client.exchange(bytes)
      #expect(status(answer) == expected, "\(answer)")
      #expect(answer.contains(#"{"error":{"what":""#) && answer.contains("connection: close"), "\(answer)")
    }
  }

  @Test("a body that is too large is refused, whether its length is told or not")
  func tooLarge() async throws {
    var limits = Service.Limits()
    limits.body = 1000
    try await withListener(limits) { _, _, client in
      let body = String(repeating: "a", count: 2000)
      let told = try await client.exchange(RawClient.post(body))
      #expect(status(told) == 413)
      let chunked =
        "POST \(ServedRun.address) HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n\(body)\r\n0\r\n\r\n"
      let untold = try await client.exchange(chunked)
      #expect(status(untold) == 413)
      // The connection can be used again once the body that was refused is read.
      let again = try await client.exchange(RawClient.post(body, "") + RawClient.post(#"{"text": "warm"}"#))
      #expect(status(again) == 413 && again.contains("HTTP/1.1 200 OK"), "\(again)")
    }
  }

  @Test("whoever asks before sending a body is told to go on, or why not")
  func expectation() async throws {
    var timeouts = Connection.Timeouts()
    timeouts.stopping = .milliseconds(100)
    try await withListener(timeouts: timeouts) { _, _, client in
      let expects = "Connection: close\r\nExpect: 100-continue\r\n"
      let answer = try await client.exchange(RawClient.post(#"{"text": "warm"}"#, expects))
      #expect(answer.hasPrefix("HTTP/1.1 100 Continue") && answer.contains("HTTP/1.1 200 OK"), "\(answer)")
      let refused = try await client.exchange("POST /x HTTP/1.1\r\n\(expects)Content-Length: 10\r\n\r\n")
      #expect(status(refused) == 404, "\(refused)")
    }
  }

  @Test("a body that does not arrive is given up")
  func slow() async throws {
    var timeouts = Connection.Timeouts()
    timeouts.body = .milliseconds(50)
    try await withListener(timeouts: timeouts) { _, _, client in
      let request = "POST \(ServedRun.address) HTTP/1.1\r\nContent-Length: 10\r\n\r\n{"
      let answer = try await client.exchange(request)
      #expect(status(answer) == 408)
    }
  }

  @Test("a server that is stopped under load answers every request that has arrived")
  func stopping() async throws {
    try await withListener { served, listener, client in
      let answered = Tally()
      try await withThrowingTaskGroup(of: Void.self) { group in
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        for _ in 0..<8 {
          group.addTask {
            // Until nobody listens any more.
            while let answer = try? await client.exchange(RawClient.post(#"{"text": "warm"}"#)) {
              // Nothing at all: the server never saw the request.
              if answer.isEmpty { continue }
              #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.hasSuffix("}\n"), "\(answer)")
              answered.add()
              start.yield()
            }
          }
        }
        for await _ in started where answered.count >= 40 { break }
        #expect(await listener.stop(grace: 60) == 0)
        try await group.waitForAll()
      }
      let values = await served.metrics()
      #expect(values[#"seesaw_requests_total{model="small",code="200"}"#] == Double(answered.count))
      #expect(values["seesaw_connections"] == 0 && values["seesaw_ready"] == 0)
    }
  }

  @Test("a port that another program has is refused with a sentence")
  func taken() async throws {
    try await withListener { served, listener, client in
      let error = await #expect(throws: Diagnosis.self) {
        _ = try await Listener(served.service, host: "127.0.0.1", port: client.port)
      }
      #expect(error?.what == "another program listens here")
    }
  }
}
