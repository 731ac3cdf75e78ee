import Experiments
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import SeesawServe

@Suite("A connection, by a clock that the test turns")
struct ConnectionTests {
  private let channel: EmbeddedChannel

  init() throws {
    let service = Service([], keys: try PredictionKeys())
    channel = EmbeddedChannel(handler: Connection(service, BodyBudget(1000), Connection.Timeouts()))
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
  }

  /// Asks, and returns the status of the answer.
  private func ask() throws -> UInt? {
    let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/health/live")
    try channel.writeInbound(HTTPServerRequestPart.head(head))
    try channel.writeInbound(HTTPServerRequestPart.end(nil))
    channel.embeddedEventLoop.run()
    var status: UInt?
    while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
      if case .head(let head) = part { status = head.status.code }
    }
    return status
  }

  private func wait(_ seconds: Int64) { channel.embeddedEventLoop.advanceTime(by: .seconds(seconds)) }

  @Test("one on which something is asked now and then stays open, and is closed 75 seconds after the last answer")
  func idle() throws {
    for _ in 0..<5 {
      #expect(try ask() == 200)
      wait(74)
      #expect(channel.isActive)
    }
    wait(2)
    #expect(!channel.isActive)
  }

  @Test("one on which nothing was ever asked is closed too")
  func silent() throws {
    wait(74)
    #expect(channel.isActive)
    wait(2)
    #expect(!channel.isActive)
  }

  @Test("a body that stops coming is given up 30 seconds after its head, however long the connection was in use")
  func body() throws {
    wait(60)
    #expect(try ask() == 200)
    var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/health/live")
    head.headers.add(name: "content-length", value: "10")
    try channel.writeInbound(HTTPServerRequestPart.head(head))
    wait(29)
    #expect(channel.isActive)
    wait(2)
    guard case .head(let answer) = try channel.readOutbound(as: HTTPServerResponsePart.self) else {
      Issue.record("there is no answer")
      return
    }
    #expect(answer.status.code == 408)
    #expect(!channel.isActive)
  }

  @Test("a server that stops closes it a second later where nothing is asked")
  func stopping() throws {
    #expect(try ask() == 200)
    channel.pipeline.fireUserInboundEventTriggered(Stopping())
    #expect(channel.isActive)
    wait(2)
    #expect(!channel.isActive)
  }
}
