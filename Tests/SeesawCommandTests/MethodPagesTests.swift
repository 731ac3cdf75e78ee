import Balancing
import Foundation
import Reports
import Testing

@Suite("The documentation of the methods is what their cards say")
struct MethodDocumentationTests {
  private static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  private let cards = MethodRegistry.entries.map(\.card)

  @Test("every method has its page, and no page is out of date; 'make docs' mends this")
  func pages() throws {
    let folder = Self.package.appending(path: "Documentation/methods")
    let pages = MethodPages.pages(cards)
    #expect(try Set(FileManager.default.contentsOfDirectory(atPath: folder.path)) == Set(pages.keys))
    for (file, text) in pages {
      #expect(try String(contentsOf: folder.appending(path: file), encoding: .utf8) == text, "\(file) is out of date")
    }
  }
}
