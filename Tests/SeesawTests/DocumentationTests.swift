import Foundation
import Seesaw
import TestSupport
import Testing

/// The catalogue `Sources/Seesaw/Seesaw.docc`.
@Suite("The library's articles")
struct DocumentationTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func lines(_ url: URL) throws -> [String] {
    try String(contentsOf: url, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false).map(
      String.init)
  }

  /// Parts of a text between two lines, without the indent that the first of them has.
  private static func parts(_ lines: [String], from start: String, to end: String) -> Set<String> {
    var parts: Set<String> = []
    var open: (indent: Int, lines: [String])?
    for line in lines {
      let text = line.drop { $0 == " " }
      if let part = open, text == end {
        parts.insert(part.lines.joined(separator: "\n"))
        open = nil
      } else if let part = open {
        open?.lines.append(String(line.dropFirst(part.indent)))
      } else if text == start {
        open = (line.count - text.count, [])
      }
    }
    return parts
  }

  @Test("hold no code but what is compiled, and all snippets are shown")
  func code() throws {
    let catalogue = Self.root.appending(path: "Sources/Seesaw/Seesaw.docc")
    let articles = try FileManager.default.contentsOfDirectory(at: catalogue, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "md" }
    let shown = try articles.reduce(into: Set<String>()) {
      $0.formUnion(Self.parts(try Self.lines($1), from: "```swift", to: "```"))
    }
    let snippets = Self.parts(
      try Self.lines(Self.root.appending(path: "Tests/SeesawTests/Snippets.swift")), from: "// snippet", to: "// end")
    // `make example` builds these.
    let example = Self.root.appending(path: "Examples/OwnMethod")
    let files = try [
      "Sources/OwnMethod/Tilt.swift", "Sources/own-seesaw/main.swift", "Tests/OwnMethodTests/TiltTests.swift",
    ].map { try String(contentsOf: example.appending(path: $0), encoding: .utf8).trimmingCharacters(in: .newlines) }
    #expect(articles.count > 5 && snippets.count > 6)
    #expect(shown == snippets.union(files))
  }

  @Test("hold code that works")
  func working() async {
    // What is registered stays, and what is printed is for the terminal: in a process of its own.
    await #expect(processExitsWith: .success) {
      let place = FileManager.default.temporaryDirectory.appending(path: "seesaw-test-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: place) }
      let folders = SnippetFolders(folder: place.appending(path: "raw"), work: place.appending(path: "work"))
      try DocumentationTests.writeSamples(to: folders.folder)
      let features = try folders.encode()
      try await folders.trainAndPredict(features)
      let run = try RunFolder(folders.work.appending(path: "run")).readEvaluation()
      #expect((run.scores["full"] ?? 0) > 0.9)
      let results = try folders.compare(features)
      #expect(results.methods.map(\.name) == ["joint", "fulcrum"])
      #expect(results.methods.allSatisfy { $0.mean.regret["worst"] != nil })
      let (table, asked) = try folders.audit(try DocumentationTests.program(in: place))
      #expect(table.scores["full"]?.value == 1 && table.scores["only:text"]?.value == 1)
      #expect(!table.untold.isEmpty && asked.swap["text"]?.follow == 1 && asked.swap["image"]?.follow == 0)
      let vowels = SnippetFolders(folder: folders.folder, work: place.appending(path: "vowels"))
      #expect(try vowels.encodeVowels()["text"] == 5)
    }
  }

  private static func writeSamples(to folder: URL) throws {
    let made = MadeUpFolder(folder)
    var lines = ["id,image,text,label,split"]
    for (split, count) in [("train", 24), ("validation", 6), ("test", 8)] {
      for number in 0..<count {
        let isFirst = number % 2 == 0
        let pixels = numbers(12 * 9 * 3, seed: UInt64(lines.count), in: 0...1).map {
          UInt8($0 * 100) + (isFirst ? 100 : 0)
        }
        try made.write("\(split)\(number).png", RGBImage(width: 12, height: 9, pixels: pixels).png())
        let words = "\(isFirst ? "warm and bright" : "cold and dark") \(number)"
        lines.append("\(split)\(number),\(split)\(number).png,\(words),\(isFirst ? "a" : "b"),\(split)")
      }
    }
    try made.write("samples.csv", lines.joined(separator: "\n") + "\n")
  }

  /// A command line that answers by the text alone.
  private static func program(in folder: URL) throws -> String {
    let script = """
      while IFS= read -r line; do
        id=${line#*\\"id\\":\\"}; id=${id%%\\"*}
        case "$line" in
          *warm*) p=0.9,0.1 ;;
          *cold*) p=0.2,0.8 ;;
          *) p=0.5,0.5 ;;
        esac
        echo "{\\"id\\":\\"$id\\",\\"probabilities\\":[$p]}"
      done
      """
    let file = folder.appending(path: "program.sh")
    try Data(script.utf8).write(to: file)
    return "sh \(file.path)"
  }
}
