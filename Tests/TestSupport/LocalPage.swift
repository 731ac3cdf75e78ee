import FlyingSocks
import Foundation

/// What a server on this machine answers, asked by a socket: nothing is tidied up on the way.
public struct LocalPage: Sendable {
  public let status: Int
  /// Names in lower case.
  public let headers: [String: String]
  public let body: String

  /// Asks a server in this process, which must not wait for the thread that asks.
  public static func asked(
    _ path: String, port: UInt16, method: String = "GET", host: String? = "localhost", more: [String] = []
  ) async throws -> LocalPage {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result { try LocalPage(path, port: port, method: method, host: host, more: more) })
      }
    }
  }

  /// Asks, and reads until the server closes.
  public init(
    _ path: String, port: UInt16, method: String = "GET", host: String? = "localhost", more: [String] = []
  ) throws {
    let socket = try Socket(domain: AF_INET)
    defer { try? socket.close() }
    try socket.connect(to: .inet(ip4: "127.0.0.1", port: port))
    let lines = ["\(method) \(path) HTTP/1.1"] + (host.map { ["Host: \($0)"] } ?? []) + ["Connection: close"] + more
    let request = Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    var sent = request.startIndex
    while sent < request.endIndex { sent = try socket.write(request, from: sent) }
    var bytes: [UInt8] = []
    do {
      while true { bytes += try socket.read(atMost: 1 << 16) }
    } catch SocketError.disconnected {}
    let text = String(decoding: bytes, as: UTF8.self)
    let halves = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    let head = halves[0].split(separator: "\r\n")
    status = head.first.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
    headers = Dictionary(
      head.dropFirst().compactMap { line in
        let parts = line.split(separator: ":", maxSplits: 1)
        return parts.count == 2
          ? (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces)) : nil
      }, uniquingKeysWith: { $0 + ", " + $1 })
    body = halves.count > 1 ? String(halves[1]) : ""
  }
}
