import Datasets
import Foundation
import Records
import TestSupport
import Testing

@Suite("The layout upmc-food-101")
struct UPMCFood101Tests {
  private let dishes = ["apple_pie", "breakfast_burrito"]

  /// Two dishes, with three pictures for training and one for testing each.
  private func writePictures(to folder: URL) throws -> MadeUpFolder {
    let made = MadeUpFolder(folder)
    for dish in dishes {
      for number in 0..<3 { try made.touch("images/train/\(dish)/\(dish)_\(number).jpg") }
      try made.touch("images/test/\(dish)/\(dish)_3.jpg")
    }
    return made
  }

  private func writeTitles(to folder: URL) throws -> MadeUpFolder {
    let made = try writePictures(to: folder)
    try made.write(
      "texts/train_titles.csv",
      #"""
      apple_pie_0.jpg,Apple pie recipe,apple_pie
      apple_pie_1.jpg,"Apple pie, with ""cream""",apple_pie
      breakfast_burrito_0.jpg,"Burrito for breakfast,breakfast_burrito
      breakfast_burrito_1.txt,Burrito,breakfast_burrito
      breakfast_burrito_2.txt,"Burrito
       in two lines",breakfast_burrito

      """#)
    try made.write(
      "texts/test_titles.csv", "apple_pie_3.jpg,Pie,apple_pie\nbreakfast_burrito_3.jpg,Burrito,breakfast_burrito\n")
    return made
  }

  @Test(
    "titles are read line by line: quotes that nothing closes, lines within quotes and .txt for .jpg change nothing")
  func titles() throws {
    try withTemporaryFolder { folder in
      _ = try writeTitles(to: folder)
      let data = try RawDataset(at: folder)
      #expect(data.classes == dishes && data.name == "upmc-food-101" && !data.isMultiLabel)
      #expect(data.quarantined.isEmpty)
      let train = data.samples(in: .train)
      #expect(
        train.map(\.id) == [
          "apple_pie_0", "apple_pie_1", "breakfast_burrito_0", "breakfast_burrito_1", "breakfast_burrito_2",
        ])
      #expect(
        train.map(\.text) == [
          "Apple pie recipe", "Apple pie, with \"cream\"", "Burrito for breakfast", "Burrito", "Burrito\n in two lines",
        ])
      #expect(train[3].imagePath?.lastPathComponent == "breakfast_burrito_1.jpg")
      #expect(data.samples(in: .test).map(\.labels) == [["apple_pie"], ["breakfast_burrito"]])
      #expect(data.notes.contains("2 lines name a picture .txt; .jpg is meant"))
      #expect(
        data.notes.contains(
          "pictures that no text names, not used: 1, such as 'images/train/apple_pie/apple_pie_2.jpg'"))
      #expect(data.notes.contains("no validation rows: nothing is selected, the last epoch counts"))
    }
  }

  @Test("a header, a class that does not fit the file and a picture that is gone")
  func damage() throws {
    try withTemporaryFolder { folder in
      let made = try writeTitles(to: folder)
      let old = try String(contentsOf: folder.appending(path: "texts/train_titles.csv"), encoding: .utf8)
      try made.write(
        "texts/train_titles.csv",
        "Image_path,text,label\n" + old + "apple_pie_2.jpg,Pie,pie\napple_pie_9.jpg,Pie,apple_pie\napple_pie_2.jpg\n")
      let data = try RawDataset(at: folder)
      #expect(data.samples(in: .train).count == 5)
      #expect(
        data.quarantined.map { "\($0.place): \($0.reason)" } == [
          "texts/train_titles.csv:8: the label 'pie' does not fit the file 'apple_pie_2.jpg'",
          "texts/train_titles.csv:9: there is no picture 'images/train/apple_pie/apple_pie_9.jpg'",
          "texts/train_titles.csv:10: is not a file, a title and a class",
        ])
    }
  }

  @Test("part of training is held out for validation where that is asked for, a fair share of each class")
  func heldOut() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      var titles = ""
      for dish in dishes {
        for number in 0..<10 {
          try made.touch("images/train/\(dish)/\(dish)_\(number).jpg")
          titles += "\(dish)_\(number).jpg,title,\(dish)\n"
        }
        try made.touch("images/test/\(dish)/\(dish)_10.jpg")
      }
      try made.write("texts/train_titles.csv", titles)
      try made.write("texts/test_titles.csv", dishes.map { "\($0)_10.jpg,title,\($0)\n" }.joined())
      var settings = RawDatasetSettings()
      settings.heldOutShare = 0.2
      let data = try RawDataset(at: folder, settings: settings)
      let held = data.samples(in: .validation)
      #expect(held.count == 4 && held.count { $0.labels == ["apple_pie"] } == 2)
      #expect(data.samples(in: .train).count == 16 && data.samples(in: .test).count == 2)
      #expect(data.notes.contains("4 rows of training held out for validation, by class, with seed 0"))
    }
  }

  @Test("texts and splits of text.json and split.json, where validation pictures lie with training's")
  func split() throws {
    try withTemporaryFolder { folder in
      let made = try writePictures(to: folder)
      let files = dishes.flatMap { dish in (0..<4).map { "\(dish)_\($0).jpg" } }
      let texts = files.dropLast().map { "\"\($0)\": \"text of \($0)\"" }.joined(separator: ", ")
      try made.write("text.json", "{\(texts)}")
      func list(_ numbers: Range<Int>) -> String {
        "[" + dishes.flatMap { dish in numbers.map { "\"\(dish)_\($0).jpg\"" } }.joined(separator: ", ") + "]"
      }
      try made.write("split.json", #"{"train": \#(list(0..<2)), "val": \#(list(2..<3)), "test": \#(list(3..<4))}"#)
      let data = try RawDataset(at: folder)
      #expect(data.samples(in: .train).count == 4 && data.samples(in: .validation).count == 2)
      #expect(
        data.samples(in: .validation)[0].imagePath?.path.hasSuffix("images/train/apple_pie/apple_pie_2.jpg") == true)
      #expect(data.samples(in: .test).map(\.text) == ["text of apple_pie_3.jpg"])
      #expect(
        data.quarantined.map { "\($0.place): \($0.reason)" } == [
          "split.json[test]:2: 'breakfast_burrito_3.jpg' has no text in text.json"
        ])
      try made.write("split.json", "{\"train\": [")
      let error = #expect(throws: RawDatasetError.self) { try RawDataset(at: folder) }
      #expect(error?.diagnosis.what.hasPrefix("'split.json' cannot be read") == true)
    }
  }

  @Test("the texts of the pages, each in a file of its own")
  func pages() throws {
    try withTemporaryFolder { folder in
      let made = try writePictures(to: folder)
      for dish in dishes {
        for number in 0..<4 { try made.write("texts_txt/\(dish)/\(dish)_\(number).txt", " page \(number)\n") }
      }
      try made.remove("texts_txt/apple_pie/apple_pie_1.txt")
      let data = try RawDataset(at: folder)
      #expect(data.samples.count == 8 && data.samples(in: .test).count == 2)
      #expect(data.samples[0].text == "page 0" && data.samples[1].text == nil)
      #expect(data.notes.contains("1 row without a text"))
    }
  }
}
