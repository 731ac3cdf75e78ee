import Foundation
import Records
import Synchronization

/// A server for one test, on a port that is free, which answers chat requests as a function says.
final class ChatServer: Sendable {
  /// A status and a body.
  typealias Answer = @Sendable (Tree) -> (status: Int, body: String)

  let port: UInt16
  private let listening: Int32
  private let answer: Answer
  private let seen = Mutex<[Tree]>([])

  var address: String { "http://127.0.0.1:\(port)/v1" }
  /// The bodies of all requests so far.
  var requests: [Tree] { seen.withLock { $0 } }

  init(_ answer: @escaping Answer) throws {
    self.answer = answer
    #if canImport(Darwin)
      listening = socket(AF_INET, SOCK_STREAM, 0)
    #else
      listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #endif
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = listening
    let isBound = withUnsafeMutablePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        bind(descriptor, place, length) == 0 && listen(descriptor, 16) == 0
          && getsockname(descriptor, place, &length) == 0
      }
    }
    guard isBound else { throw Diagnosis("no port is free") }
    port = UInt16(bigEndian: place.sin_port)
    Thread { [self] in
      while true {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0 else { return }
        Thread { [self] in serve(connection) }.start()
      }
    }.start()
  }

  func close() {
    shutdown(listening, Int32(SHUT_RDWR))
    _ = Foundation.close(listening)
  }

  /// Answers one request, and ends the connection.
  private func serve(_ connection: Int32) {
    var bytes = Data()
    let mark = Data("\r\n\r\n".utf8)
    while true {
      if let end = bytes.range(of: mark) {
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).lowercased()
        let count = head.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
          .flatMap { Int($0.dropFirst("content-length:".count).trimmingCharacters(in: .whitespaces)) }
        if bytes.count - end.upperBound >= count ?? 0 {
          reply(connection, String(decoding: bytes[end.upperBound...], as: UTF8.self))
          return
        }
      }
      var portion = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(connection, &portion, portion.count)
      guard count > 0 else { return }
      bytes += portion[..<count]
    }
  }

  private func reply(_ connection: Int32, _ body: String) {
    let tree = (try? Tree(json: body)) ?? .null
    seen.withLock { $0.append(tree) }
    let (status, text) = answer(tree)
    let head = "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(text.utf8.count)\r\n"
    let bytes = Array((head + "Connection: close\r\n\r\n" + text).utf8)
    _ = write(connection, bytes, bytes.count)
    _ = Foundation.close(connection)
  }
}
