import Foundation
import Records
import TestSupport
import Testing

@testable import SeesawCommand

@Suite("Serving a page")
struct PageServerTests {
  private func withServer(_ body: (PageServer, URL) async throws -> Void) async throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "seesaw-test-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    let folder = root.appending(path: "report")
    let images = folder.appending(path: "images")
    try FileManager.default.createDirectory(at: images, withIntermediateDirectories: true)
    try Data("<p>the page</p>".utf8).write(to: folder.appending(path: "index.html"))
    try Data("GIF8".utf8).write(to: images.appending(path: "1.gif"))
    try Data("a secret".utf8).write(to: root.appending(path: "secret.md"))
    let server = try await PageServer(folder, port: 0)
    try await body(server, folder)
    await server.finish(within: .zero) { false }
  }

  @Test("the page and the files that belong to it are given out; HEAD has everything but the body")
  func files() async throws {
    try await withServer { server, _ in
      #expect(server.address == "http://127.0.0.1:\(server.port)/")
      server.begin()
      for path in ["/", "/index.html", "/index.html?again=1"] {
        let page = try await LocalPage.asked(path, port: server.port)
        #expect(page.status == 200 && page.body == "<p>the page</p>")
        #expect(page.headers["content-type"] == "text/html; charset=utf-8" && page.headers["content-length"] == "15")
      }
      let picture = try await LocalPage.asked("/images/1.gif", port: server.port)
      #expect(picture.body == "GIF8" && picture.headers["content-type"] == "image/gif")
      #expect(picture.headers["cross-origin-resource-policy"] == "same-origin")
      let head = try await LocalPage.asked("/", port: server.port, method: "HEAD")
      #expect(head.status == 200 && head.body.isEmpty && head.headers["content-length"] == "15")
    }
  }

  @Test("a page that a browser has already is not sent again, and another one is")
  func known() async throws {
    try await withServer { server, folder in
      server.begin()
      let first = try await LocalPage.asked("/", port: server.port)
      let tag = try #require(first.headers["etag"])
      let same = try await LocalPage.asked("/", port: server.port, more: ["If-None-Match: \(tag)"])
      #expect(same.status == 304 && same.body.isEmpty)
      try Data("<p>grown</p>".utf8).write(to: folder.appending(path: "index.html"))
      let other = try await LocalPage.asked("/", port: server.port, more: ["If-None-Match: \(tag)"])
      #expect(other.status == 200 && other.body == "<p>grown</p>")
    }
  }

  @Test("until the page is written, an older one is not shown, and the browser is told to come again")
  func waiting() async throws {
    try await withServer { server, _ in
      let early = try await LocalPage.asked("/", port: server.port)
      #expect(early.status == 200 && early.body.contains("not begun yet") && early.headers["refresh"] == "1")
    }
  }

  @Test(
    "whoever asks under another name is refused",
    arguments: ["evil.example", "localhost.evil.example", "127.0.0.2", nil])
  func hosts(_ host: String?) async throws {
    try await withServer { server, _ in
      server.begin()
      let answer = try await LocalPage.asked("/", port: server.port, host: host)
      #expect(answer.status == 403 && !answer.body.contains("the page"))
    }
  }

  @Test("the names of this machine are good at any port, since a tunnel begins at another")
  func tunnel() {
    for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080"] { #expect(PageFiles.isOfThisMachine(host)) }
    for host in ["", "localhost:", "localhost:x", "localhost:1:2", "[::1]"] {
      #expect(!PageFiles.isOfThisMachine(host))
    }
  }

  @Test("nothing is written", arguments: ["POST", "PUT", "DELETE", "OPTIONS"])
  func methods(_ method: String) async throws {
    try await withServer { server, _ in
      let answer = try await LocalPage.asked("/", port: server.port, method: method)
      #expect(answer.status == 405 && answer.headers["allow"] == "GET, HEAD")
    }
  }

  @Test(
    "what is no file of the report is not there, nor what lies beside it",
    arguments: [
      "/nothing", "/images", "/images/", "/images/2.gif", "/images/.gif", "/../secret.md", "/%2e%2e/secret.md",
      "/images/../../secret.md", "/images/..%2f..%2fsecret.md", "/images/%00.gif", "//index.html", "/.seesaw-lock",
      "/link.md", "/table.md", "/images/out.gif", "/images/deep/1.gif", "secret.md", "/%", "/images/1.md",
    ])
  func others(_ path: String) async throws {
    try await withServer { server, folder in
      server.begin()
      for name in ["table.md", "link.md", "images/out.gif"] {
        try FileManager.default.createSymbolicLink(
          at: folder.appending(path: name), withDestinationURL: folder.appending(path: "../secret.md").standardized)
      }
      try Data("a secret".utf8).write(to: folder.appending(path: ".seesaw-lock"))
      try Data("a secret".utf8).write(to: folder.appending(path: "images/1.md"))
      let answer = try await LocalPage.asked(path, port: server.port)
      #expect(answer.status == 404 && !answer.body.contains("secret"), "\(answer)")
    }
  }

  @Test("a folder of pictures that is a link is not followed")
  func linkedFolder() async throws {
    try await withServer { server, folder in
      let images = folder.appending(path: "images")
      try FileManager.default.moveItem(at: images, to: folder.appending(path: "../elsewhere").standardized)
      try FileManager.default.createSymbolicLink(
        at: images, withDestinationURL: folder.appending(path: "../elsewhere").standardized)
      let answer = try await LocalPage.asked("/images/1.gif", port: server.port)
      #expect(answer.status == 404)
    }
  }

  @Test("a port that is taken is a sentence")
  func taken() async throws {
    try await withServer { server, folder in
      let error = await #expect(throws: Diagnosis.self) { try await PageServer(folder, port: server.port) }
      #expect(error?.what == "the page cannot be served at port \(server.port): another program listens on it")
      #expect(error?.exitStatus == .usage && error?.remedy?.contains("--port") == true)
    }
  }

  @Test("it serves until the page was asked for once more, as it is now")
  func finish() async throws {
    try await withServer { server, _ in
      server.begin()
      // What was asked for before counts for nothing, so this waits for all of the time given.
      _ = try await LocalPage.asked("/", port: server.port)
      let began = ContinuousClock.now
      await server.finish(within: .milliseconds(200)) { false }
      #expect(ContinuousClock.now - began >= .milliseconds(200))
      _ = await #expect(throws: (any Error).self) { try await LocalPage.asked("/", port: server.port) }
    }
    try await withServer { server, _ in
      server.begin()
      let began = ContinuousClock.now
      let (begun, signal) = AsyncStream.makeStream(of: Void.self)
      async let end: Void = server.finish(within: .seconds(600)) {
        signal.yield()
        return false
      }
      for await _ in begun { break }
      let answer = try await LocalPage.asked("/", port: server.port)
      #expect(answer.status == 200)
      await end
      #expect(ContinuousClock.now - began < .seconds(300))
    }
  }

  @Test("a browser is what BROWSER names; none where it is empty")
  func browser() {
    #expect(!Browser(environment: ["BROWSER": ""]).isThere && !Browser(environment: ["BROWSER": ""]).open("x"))
    #expect(Browser(environment: ["BROWSER": "/usr/bin/true"]).isThere)
    #expect(!Browser(environment: ["BROWSER": "/nowhere/browser"]).open("http://127.0.0.1:1/"))
  }
}
