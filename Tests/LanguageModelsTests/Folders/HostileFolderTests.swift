import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import LanguageModels

/// Configurations that somebody has spoilt.
@Suite("Spoilt folders of language models")
struct HostileFolderTests {
  /// What is put in the place of each value in turn.
  private static var spoilt: [Any] { [NSNull(), -1, 0, 1 << 40, 1e308, "no", [1] as [Any], [:] as [String: Any]] }

  /// Every way to spoil one value of a table; the names of classes (`id2label`) are nobody's concern.
  private static func variants(_ table: [String: Any]) -> [(key: String, table: [String: Any])] {
    table.keys.sorted().filter { !["id2label", "label2id"].contains($0) }.flatMap { key -> [(String, [String: Any])] in
      var made = spoilt.map { value in (key, table.merging([key: value]) { $1 }) }
      if let inner = table[key] as? [String: Any] {
        made += variants(inner).map { ("\(key).\($0.key)", table.merging([key: $0.table]) { $1 }) }
      }
      return made
    }
  }

  @Test(
    "a spoilt value is refused in a sentence or means nothing, and no picture brings it down",
    arguments: ["llama", "llava-siglip", "smolvlm", "qwen2_vl", "llava_next", "blip-vqa"],
    ["config.json", "preprocessor_config.json"])
  func values(name: String, file: String) throws {
    try withTemporaryFolder { place in
      let folder = place.appending(path: name)
      try FileManager.default.copyItem(at: GoldenModels.folder(name), to: folder)
      let url = folder.appending(path: file)
      guard let data = try? Data(contentsOf: url) else { return }
      let table = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      let picture = RGBImage(width: 21, height: 9, pixels: [UInt8](repeating: 77, count: 567))
      var refused = 0
      for (key, spoilt) in Self.variants(table) {
        try JSONSerialization.data(withJSONObject: spoilt).write(to: url)
        do {
          let model = try LanguageModelFolder(folder).load()
          if model.seesPictures { _ = try model.prepare(picture) }
        } catch {
          refused += 1
          #expect(error is any Diagnosable, "\(key): \(spoilt): \(error)")
        }
      }
      #expect(refused > 0)
    }
  }
}
