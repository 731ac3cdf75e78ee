import Datasets
import Foundation
import Records
import TestSupport
import Testing

@Suite("The layout memotion")
struct MemotionTests {
  private static let header =
    ",image_name,text_ocr,text_corrected,humour,sarcasm,offensive,motivational,overall_sentiment\n"

  private func write(to folder: URL, rows: [String]? = nil, count: Int = 30) throws {
    let made = MadeUpFolder(folder)
    let words = ["very_negative", "negative", "neutral", "positive", "very_positive"]
    let usual = (0..<count).map { number in
      "\(number),image_\(number).jpg,OCR \(number),\"text, \(number)\",\(number % 2 == 0 ? "funny" : "not_funny"),"
        + "general,slight,motivational,\(words[number % 5])"
    }
    for number in 0..<count { try made.touch("images/image_\(number).jpg") }
    try made.write("labels.csv", Self.header + (usual + (rows ?? [])).joined(separator: "\n") + "\n")
  }

  @Test("five grades of sentiment become three classes, and splits are drawn by class")
  func reads() throws {
    try withTemporaryFolder { folder in
      try write(to: folder.appending(path: "memotion_dataset_7k"))
      let data = try RawDataset(at: folder)
      #expect(data.classes == ["negative", "neutral", "positive"] && data.samples.count == 30)
      #expect(data.samples[0].labels == ["negative"] && data.samples[4].labels == ["positive"])
      #expect(data.samples[3].text == "text, 3" && data.samples[3].id == "image_3.jpg")
      #expect(data.samples(in: .train).count == 21 && data.samples(in: .test).count == 6)
      #expect(data.notes.contains { $0.hasPrefix("no column says which split a row belongs to: 70/10/20 %") })
    }
  }

  @Test("the other columns are variants, with their own classes in their own order")
  func variants() throws {
    try withTemporaryFolder { folder in
      try write(to: folder)
      var settings = RawDatasetSettings()
      settings.layout = "memotion"
      settings.variant = "humour"
      #expect(try RawDataset(at: folder, settings: settings).classes == ["not_funny", "funny"])
      settings.variant = "humor"
      let error = #expect(throws: (any Error).self) { try RawDataset(at: folder, settings: settings) }
      #expect("\(error as Any)".contains("did you mean 'humour'?"))
    }
  }

  @Test(
    "a corrected text that is empty gives way to the machine's; a strange label, a short row and no picture are put aside"
  )
  func damage() throws {
    try withTemporaryFolder { folder in
      try write(
        to: folder,
        rows: [
          "90,image_0b.jpg,read by machine,,funny,general,slight,motivational,neutral",
          "91,image_1.jpg,a,b,funny,general,slight,motivational,neutral", "92,image_92.jpg,a,b,funny",
          "93,image_93.jpg,a,b,funny,general,slight,motivational,great",
          "94,image_94.jpg,a,b,funny,general,slight,motivational,neutral",
          ",,a,b,funny,general,slight,motivational,neutral",
        ])
      try MadeUpFolder(folder).touch("images/image_0b.jpg")
      let data = try RawDataset(at: folder)
      #expect(data.samples.last?.text == "read by machine")
      #expect(
        data.quarantined.map { "\($0.place): \($0.reason)" } == [
          "labels.csv:33: the id 'image_1.jpg' is taken by labels.csv:3",
          "labels.csv:34: has 5 fields where the header has 9",
          "labels.csv:35: the label 'great' is not one of negative, neutral, positive",
          "labels.csv:36: there is no picture 'images/image_94.jpg'", "labels.csv:37: has no 'image_name'",
        ])
    }
  }

  @Test("a column that is not there is named; a folder with another labels.csv is not taken for this data set")
  func columns() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      try made.touch("images/a.jpg")
      try made.write("labels.csv", "image_name,text\na.jpg,b\n")
      #expect(DatasetLayouts.recognised(in: folder).isEmpty)
      var settings = RawDatasetSettings()
      settings.layout = "memotion"
      let error = #expect(throws: RawDatasetError.self) { try RawDataset(at: folder, settings: settings) }
      #expect(
        error?.faults == [
          .unreadableFile(
            "labels.csv",
            reason: "no column 'text_ocr', 'text_corrected', 'overall_sentiment'; there is 'image_name', 'text'")
        ])
    }
  }
}
