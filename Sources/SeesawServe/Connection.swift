import Foundation
import NIOCore
import NIOHTTP1
import Records

/// The server is stopping: answer what has arrived, and close.
struct Stopping {}

/// One connection: gathers a request, has it answered, and is ready for the next.
///
/// Used on its event loop alone. `HTTPServerPipelineHandler` before it holds the next request back until this one is
/// answered.
final class Connection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum State {
    case idle
    /// A body is arriving.
    case receiving(Request, HTTPRequestHead, ByteBuffer)
    /// The request was refused before its body had arrived, which is read and forgotten, up to so many bytes.
    case discarding(Int)
    case answering
  }

  /// Bytes of a refused body that are read so that its sender sees the answer.
  private static let mostDiscarded = 64 << 20

  /// Bytes of a body that is read on the event loop: about 2 ms.
  private static let mostReadHere = 512 << 10

  private let service: Service
  private let budget: BodyBudget
  private let timeouts: Timeouts
  private var state = State.idle
  private var held = 0
  private var isStopping = false
  /// When the connection is closed where nothing more comes; nil while it is being answered.
  private var deadline: NIODeadline?
  /// Looks at the deadline, and is set again where that has moved on: it moves with every request.
  private var alarm: (at: NIODeadline, task: Scheduled<Void>)?

  struct Timeouts: Sendable {
    /// Of a connection on which nothing is asked.
    var idle = TimeAmount.seconds(75)
    /// Of a request on its way.
    var body = TimeAmount.seconds(30)
    /// Of a connection on which nothing is asked once the server is stopping.
    var stopping = TimeAmount.seconds(1)
  }

  init(_ service: Service, _ budget: BodyBudget, _ timeouts: Timeouts) {
    self.service = service
    self.budget = budget
    self.timeouts = timeouts
  }

  func channelActive(context: ChannelHandlerContext) {
    service.connected(1)
    setAlarm(context, after: timeouts.idle)
    if service.isDraining { stop(context) }
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    service.connected(-1)
    alarm?.task.cancel()
    release()
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is Stopping { stop(context) }
    context.fireUserInboundEventTriggered(event)
  }

  private func stop(_ context: ChannelHandlerContext) {
    isStopping = true
    if case .idle = state { setAlarm(context, after: timeouts.stopping) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): begin(head, context)
    case .body(let part): receive(part, context)
    case .end:
      switch state {
      case .receiving(let request, let head, let body): answer(request, head, body, context)
      case .discarding: rest(context)
      case .idle, .answering: break
      }
    }
  }

  // MARK: Receiving

  private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let request = Request(
      head.method.rawValue, head.uri, contentType: head.headers.first(name: "content-type"),
      client: context.remoteAddress?.ipAddress ?? "")
    let length = head.headers.first(name: "content-length").flatMap { Int($0) }
    let expects = head.headers.first(name: "expect")?.lowercased() == "100-continue"
    setAlarm(context, after: timeouts.body)
    if let refusal = service.refusal(request, length: length) {
      // Whoever waits for a word before it sends a body will not send it.
      return refuse(refusal, isHead: head.method == .HEAD, keeps: head.isKeepAlive && !expects, context)
    }
    if expects {
      context.writeAndFlush(
        wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }
    state = .receiving(request, head, ByteBuffer())
  }

  private func receive(_ part: ByteBuffer, _ context: ChannelHandlerContext) {
    switch state {
    case .receiving(let request, let head, var body):
      // So that the buffer has one owner and grows in its place.
      state = .answering
      let refused: Refused? =
        if body.readableBytes + part.readableBytes > service.limits.body {
          service.tooLarge
        } else if !budget.take(
          part.readableBytes)
        { BodyBudget.refusal } else { nil }
      if let refused {
        release()
        let response = service.refuse(refused, request, seconds: 0)
        return refuse(response, isHead: false, keeps: head.isKeepAlive, context)
      }
      held += part.readableBytes
      var part = part
      if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
      state = .receiving(request, head, body)
    case .discarding(let count):
      let rest = count - part.readableBytes
      if rest < 0 { return context.close(promise: nil) }
      state = .discarding(rest)
    case .idle, .answering: break
    }
  }

  private func release() {
    budget.give(held)
    held = 0
  }

  /// Answers before the request has ended.
  private func refuse(_ response: Response, isHead: Bool, keeps: Bool, _ context: ChannelHandlerContext) {
    state = .discarding(Self.mostDiscarded)
    let keeps = keeps && !isStopping
    write(response, isHead: isHead, keeps: keeps, context)
    if !keeps {
      isStopping = true
      setAlarm(context, after: timeouts.stopping)
    }
  }

  // MARK: Answering

  private func answer(_ request: Request, _ head: HTTPRequestHead, _ body: ByteBuffer, _ context: ChannelHandlerContext)
  {
    state = .answering
    deadline = nil
    var request = request
    request.body = Array(body.readableBytesView)
    let loop = context.eventLoop
    let bound = NIOLoopBound((self, context), eventLoop: loop)
    let (isHead, keeps) = (head.method == .HEAD, head.isKeepAlive)
    let respond: @Sendable () -> Void = { [service, request] in
      service.respond(to: request) { answer in
        loop.execute {
          let (connection, context) = bound.value
          let response = answer()
          connection.release()
          guard context.channel.isActive else { return }
          let keeps = keeps && !connection.isStopping
          connection.write(response, isHead: isHead, keeps: keeps, closes: !keeps, context)
          if keeps { connection.rest(context) }
        }
      }
    }
    // A change of threads costs more than reading a small body; a large one would keep other connections waiting.
    if request.body.count <= Self.mostReadHere { respond() } else { DispatchQueue.global().async(execute: respond) }
  }

  /// - Parameters:
  ///   - keeps: says that the connection can be used again.
  ///   - closes: closes it once everything is written.
  private func write(
    _ response: Response, isHead: Bool, keeps: Bool, closes: Bool = false, _ context: ChannelHandlerContext
  ) {
    var headers: HTTPHeaders = [
      "content-type": response.type, "content-length": "\(response.body.count)", "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    ]
    for (name, value) in response.headers { headers.add(name: name, value: value) }
    if !keeps { headers.add(name: "connection", value: "close") }
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if !isHead { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: response.body)))), promise: nil) }
    let end = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    guard closes else { return }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    end.whenComplete { _ in bound.value.close(promise: nil) }
  }

  /// Waits for the next request, or closes.
  private func rest(_ context: ChannelHandlerContext) {
    state = .idle
    if isStopping { return context.close(promise: nil) }
    setAlarm(context, after: timeouts.idle)
  }

  // MARK: Trouble

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // One request has one answer.
    if case .discarding = state { return context.close(promise: nil) }
    guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
    let refused: Refused =
      switch error {
      case .headerOverflow: Refused(431, "the headers of the request are too large")
      case .invalidMethod: Refused(400, "the method of the request is none that HTTP has")
      case .invalidVersion: Refused(400, "the version of HTTP is none that is known", remedy: "use HTTP/1.1")
      default: Refused(400, "the request is not HTTP", found: ["\(error)"])
      }
    release()
    isStopping = true
    write(service.refuse(refused, nil, seconds: 0), isHead: false, keeps: false, context)
    state = .discarding(0)
    setAlarm(context, after: timeouts.stopping)
  }

  private func setAlarm(_ context: ChannelHandlerContext, after time: TimeAmount) {
    let deadline = context.eventLoop.now + time
    self.deadline = deadline
    // One that rings before will see to it.
    if let alarm, alarm.at <= deadline { return }
    alarm?.task.cancel()
    setAlarm(context, at: deadline)
  }

  private func setAlarm(_ context: ChannelHandlerContext, at time: NIODeadline) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    let task = context.eventLoop.scheduleTask(deadline: time) {
      let (connection, context) = bound.value
      connection.alarm = nil
      guard let deadline = connection.deadline else { return }
      if deadline > context.eventLoop.now {
        connection.setAlarm(context, at: deadline)
      } else {
        connection.rung(context)
      }
    }
    alarm = (time, task)
  }

  private func rung(_ context: ChannelHandlerContext) {
    if case .receiving(let request, _, _) = state {
      release()
      let refused = Refused(408, "the body of the request did not arrive in time")
      state = .discarding(0)
      let response = service.refuse(refused, request, seconds: 0)
      return write(response, isHead: false, keeps: false, closes: true, context)
    }
    context.close(promise: nil)
  }
}
