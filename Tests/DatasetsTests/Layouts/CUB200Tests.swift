import Datasets
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@Suite("The layout cub-200-2011")
struct CUB200Tests {
  private static let classes = ["001.Black_footed_Albatross", "002.Laysan_Albatross"]

  private func write(to folder: URL, captions: String = "text_c10") throws -> MadeUpFolder {
    let made = MadeUpFolder(folder)
    var tables = ["images": "", "image_class_labels": "", "train_test_split": "", "classes": ""]
    for (number, name) in Self.classes.enumerated() { tables["classes"]? += "\(number + 1) \(name)\n" }
    for number in 1...6 {
      let name = Self.classes[number % 2]
      tables["images"]? += "\(number) \(name)/Bird_\(number).jpg\n"
      tables["image_class_labels"]? += "\(number) \(number % 2 + 1)\n"
      tables["train_test_split"]? += "\(number) \(number <= 4 ? 1 : 0)\n"
      try made.touch("CUB_200_2011/images/\(name)/Bird_\(number).jpg")
      let lines = (0..<10).map { "caption \($0) of \(number)\n" }.joined()
      try made.write("\(captions)/\(name)/Bird_\(number).txt", lines)
    }
    for (name, text) in tables { try made.write("CUB_200_2011/\(name).txt", text) }
    return made
  }

  @Test(
    "pictures, classes and split by number, and captions beside or within",
    arguments: ["text_c10", "CUB_200_2011/text"])
  func reads(_ captions: String) throws {
    try withTemporaryFolder { folder in
      _ = try write(to: folder, captions: captions)
      let data = try RawDataset(at: folder)
      #expect(data.name == "cub-200-2011" && data.classes == Self.classes && data.quarantined.isEmpty)
      #expect(data.samples(in: .train).map(\.id) == ["1", "2", "3", "4"])
      #expect(data.samples(in: .test).map(\.labels) == [[Self.classes[1]], [Self.classes[0]]])
      #expect(data.samples[0].text?.hasPrefix("caption 0 of 1 caption 1 of 1 ") == true)
      // The folder of the archive itself does as well.
      let inner = try RawDataset(at: folder.appending(path: "CUB_200_2011"))
      #expect(inner.samples.map(\.text) == data.samples.map(\.text))
      var settings = RawDatasetSettings()
      settings.layout = "cub-200-2011"
      settings.variant = "first"
      #expect(try RawDataset(at: folder, settings: settings).samples[0].text == "caption 0 of 1")
    }
  }

  @Test("each kind of damage is named, with its place")
  func damage() throws {
    try withTemporaryFolder { folder in
      let made = try write(to: folder)
      let images = try String(contentsOf: folder.appending(path: "CUB_200_2011/images.txt"), encoding: .utf8)
      try made.write("CUB_200_2011/images.txt", images + "7 a/b.jpg\n8 a/b.jpg\n9 a/b.jpg\n1 a/b.jpg\n")
      try made.write("CUB_200_2011/image_class_labels.txt", "1 2\n2 1\n3 2\n4 1\n5 2\n6 1\n7 3\n8 1\n")
      try made.write("CUB_200_2011/train_test_split.txt", "1 1\n2 1\n3 1\n4 1\n5 0\n6 0\n7 1\n8 2\n9 1\n")
      try made.remove("CUB_200_2011/images/\(Self.classes[1])/Bird_3.jpg")
      try made.remove("text_c10/\(Self.classes[0])/Bird_2.txt")
      try made.write("text_c10/\(Self.classes[0])/Bird_4.txt", "only one\n\n")
      let data = try RawDataset(at: folder)
      #expect(
        data.quarantined.map { "\($0.row): \($0.reason)" } == [
          "3: there is no picture 'CUB_200_2011/images/002.Laysan_Albatross/Bird_3.jpg'",
          "7: the class '3' is not in classes.txt", "8: the split '2' is not 0 or 1",
          "9: has no line in image_class_labels.txt",
          "10: the id '1' is taken by CUB_200_2011/images.txt:1",
        ])
      #expect(data.notes.contains("1 row without a text"))
      #expect(data.notes.contains("pictures with fewer than ten captions: 1"))
      try made.write("CUB_200_2011/train_test_split.txt", "1\n")
      let error = #expect(throws: RawDatasetError.self) { try RawDataset(at: folder) }
      #expect(
        error?.faults == [.unreadableFile("CUB_200_2011/train_test_split.txt", reason: "line 1 is not two words")])
    }
  }

  @Test("without captions only the pictures are read, and that is said")
  func pictures() throws {
    try withTemporaryFolder { folder in
      let made = try write(to: folder)
      try made.remove("text_c10")
      let data = try RawDataset(at: folder)
      #expect(data.modalities.map(\.rawValue) == ["image"])
      #expect(data.notes.contains("there are no captions (text_c10): only the pictures are read"))
    }
  }
}
