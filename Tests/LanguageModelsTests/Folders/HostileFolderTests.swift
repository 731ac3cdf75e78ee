import Encoders
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

  /// A file that says that it is so long, and takes no room on the disk.
  private static func makeSparse(_ url: URL, _ bytes: UInt64, beginning: Data = Data()) throws {
    try beginning.write(to: url)
    let file = try FileHandle(forWritingTo: url)
    try file.truncate(atOffset: bytes)
    try file.close()
  }

  @Test func `a vocabulary of a gigabyte is refused before it is read`() async {
    // The memory of a process is its own.
    await #expect(processExitsWith: .success) {
      try withTemporaryFolder { folder in
        for name in ["tokenizer.json", "vocab.txt", "tokenizer_config.json"] {
          let file = folder.appending(path: name)
          try HostileFolderTests.makeSparse(file, 1 << 30, beginning: Data("{".utf8))
          let before = ResidentMemory.bytes
          let error = try #require(throws: Diagnosis.self) { try Tokenizer(folder: folder) }
          #expect(error.what.hasPrefix("the file is too long: 1073741824 bytes"), "\(name)")
          #expect(error.place?.hasSuffix(name) == true)
          #expect(ResidentMemory.bytes - before < 64 << 20, "\(name)")
          try FileManager.default.removeItem(at: file)
        }
      }
    }
  }

  @Test func `weights whose copies no memory holds are refused before they are read`() async {
    await #expect(processExitsWith: .success) {
      try withTemporaryFolder { place in
        let folder = place.appending(path: "llama")
        try FileManager.default.copyItem(at: GoldenModels.folder("llama"), to: folder)
        // Words of one number each in float16, which become float32.
        let words = Int(clamping: ProcessInfo.processInfo.physicalMemory / 4) + 1
        var header = Data(
          #"{"model.embed_tokens.weight":{"dtype":"F16","shape":[\#(words),1],"data_offsets":[0,\#(2 * words)]}}"#.utf8)
        header += Data(repeating: 32, count: (8 - header.count % 8) % 8)
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
        try HostileFolderTests.makeSparse(
          folder.appending(path: "model.safetensors"), UInt64(8 + header.count + 2 * words), beginning: length + header)
        let before = ResidentMemory.bytes
        let error = try #require(throws: Diagnosis.self) { try LanguageModelFolder(folder).load() }
        #expect(error.what == "the weights do not fit into memory")
        #expect(error.remedy?.hasPrefix("--stored-precision") == true)
        #expect(ResidentMemory.bytes - before < 64 << 20)
      }
    }
  }
}
