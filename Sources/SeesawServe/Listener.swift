import Experiments
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Records
import Synchronization

/// Bytes of bodies that may be in memory at once, over all connections.
final class BodyBudget: Sendable {
  private let most: Int
  private let used = Atomic<Int>(0)

  init(_ most: Int) { self.most = most }

  func take(_ count: Int) -> Bool {
    if used.add(count, ordering: .relaxed).newValue <= most { return true }
    give(count)
    return false
  }

  func give(_ count: Int) { used.subtract(count, ordering: .relaxed) }

  static let refusal = Refused(
    503, "the server has as many requests in memory as it may", remedy: "ask again later", headers: ["Retry-After": "1"]
  )
}

/// A service at a port.
final class Listener: Sendable {
  /// Where it listens.
  let address: SocketAddress
  private let channel: any Channel
  private let group: MultiThreadedEventLoopGroup
  private let service: Service
  private let open: OpenChannels
  private let isStopped = Atomic<Bool>(false)

  /// Listens from now on.
  ///
  /// - Throws: a `Diagnosis` where the address cannot be had.
  init(
    _ service: Service, host: String, port: Int, timeouts: Connection.Timeouts = Connection.Timeouts()
  ) async throws {
    // Two, so that a large body on one does not keep others waiting.
    group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    self.service = service
    let open = OpenChannels()
    self.open = open
    let budget = BodyBudget(max(4 * service.limits.body, 256 << 20))
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: false)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          open.insert(channel)
          // Headers of answers are ours, names and values, and need no check.
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withErrorHandling: false, withOutboundHeaderValidation: false)
          try channel.pipeline.syncOperations.addHandler(Connection(service, budget, timeouts))
        }
      }
    do {
      channel = try await bootstrap.bind(host: host, port: port).get()
    } catch {
      try? await group.shutdownGracefully()
      throw Self.diagnosis(error, host, port)
    }
    guard let address = channel.localAddress else { throw Diagnosis("the port is not known", exitStatus: .defect) }
    self.address = address
  }

  private static func diagnosis(_ error: any Error, _ host: String, _ port: Int) -> Diagnosis {
    let place = "\(host):\(port)"
    switch (error as? IOError)?.errnoCode {
    case EADDRINUSE:
      return Diagnosis(
        "another program listens here", place: place, remedy: "--port 0 takes a free port", exitStatus: .usage)
    case EACCES:
      return Diagnosis(
        "no permission to listen here", place: place, remedy: "use a port above 1023", exitStatus: .usage)
    case EADDRNOTAVAIL: return Diagnosis("this machine has no such address", place: place, exitStatus: .usage)
    default: return Diagnosis("nothing can listen here", place: place, found: ["\(error)"], exitStatus: .usage)
    }
  }

  /// Takes no connections any more, answers every request that has arrived, and ends.
  ///
  /// - Parameter grace: seconds after which connections are closed whatever they wait for.
  /// - Returns: how many connections were closed so.
  @discardableResult
  func stop(grace: Double) async -> Int {
    // Event loops that have ended answer nothing.
    guard !isStopped.exchange(true, ordering: .relaxed) else { return 0 }
    service.drain()
    try? await channel.close()
    // Connections that were accepted last are being set up.
    for loop in group.makeIterator() { try? await loop.submit {}.get() }
    for channel in open.all { channel.pipeline.fireUserInboundEventTriggered(Stopping()) }
    let alarm = group.next().scheduleTask(in: .milliseconds(Int64(grace * 1000))) { [open] in open.giveUp() }
    let left = await open.empty()
    alarm.cancel()
    for channel in left { try? await channel.close() }
    for model in service.models { model.queue.close() }
    try? await group.shutdownGracefully()
    return left.count
  }
}

/// The connections that are open.
private final class OpenChannels: Sendable {
  private struct State {
    var channels: [ObjectIdentifier: any Channel] = [:]
    var waiter: CheckedContinuation<[any Channel], Never>?
    var isOver = false
  }

  private let state = Mutex(State())

  var all: [any Channel] { state.withLock { Array($0.channels.values) } }

  func insert(_ channel: any Channel) {
    let key = ObjectIdentifier(channel)
    state.withLock { $0.channels[key] = channel }
    channel.closeFuture.whenComplete { _ in
      let waiter = self.state.withLock { state in
        state.channels[key] = nil
        guard state.channels.isEmpty else { return nil as CheckedContinuation<[any Channel], Never>? }
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume(returning: [])
    }
  }

  /// Waits until all are closed, or ``giveUp()``; then those that are still open.
  func empty() async -> [any Channel] {
    await withCheckedContinuation { continuation in
      let isReady = state.withLock { state in
        if state.channels.isEmpty || state.isOver { return true }
        state.waiter = continuation
        return false
      }
      if isReady { continuation.resume(returning: all) }
    }
  }

  func giveUp() {
    let (waiter, left) = state.withLock { state in
      state.isOver = true
      defer { state.waiter = nil }
      return (state.waiter, Array(state.channels.values))
    }
    waiter?.resume(returning: left)
  }
}
