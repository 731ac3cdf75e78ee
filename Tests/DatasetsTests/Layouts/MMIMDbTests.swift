import Datasets
import Foundation
import Records
import TestSupport
import Testing

@Suite("The layout mm-imdb")
struct MMIMDbTests {
  private func write(
    to folder: URL, in root: String = "", poster: String = "dataset", json: String = "dataset"
  ) throws
    -> MadeUpFolder
  {
    let made = MadeUpFolder(folder)
    let genres = [["Drama"], ["Comedy", "Drama"], ["Comedy"], ["Drama"], ["Comedy"], ["Drama", "News"]]
    for (number, genres) in genres.enumerated() {
      let list = genres.map { "\"\($0)\"" }.joined(separator: ", ")
      try made.write(
        "\(root)\(json)/000000\(number).json",
        #"{"genres": [\#(list)], "plot": ["short", "the longest plot of \#(number)", "middle"], "title": "x"}"#)
      try made.touch("\(root)\(poster)/000000\(number).jpeg")
    }
    try made.write(
      "\(root)split.json",
      #"{"train": ["0000000", "0000001", "0000002"], "dev": ["0000003"], "test": ["0000004", "0000005"]}"#)
    return made
  }

  @Test("films with several genres, their longest plot, and the splits of split.json", arguments: [false, true])
  func reads(_ isApart: Bool) throws {
    try withTemporaryFolder { folder in
      _ = try isApart ? write(to: folder, poster: "images", json: "labels") : write(to: folder, in: "mmimdb/")
      let data = try RawDataset(at: folder)
      #expect(data.name == "mm-imdb" && data.isMultiLabel && data.classes == ["Drama", "Comedy"])
      #expect(data.samples(in: .train).map(\.id) == ["0000000", "0000001", "0000002"])
      #expect(data.samples(in: .validation).map(\.id) == ["0000003"])
      let last = try #require(data.samples(in: .test).last)
      #expect(last.labels == ["Drama"] && last.text == "the longest plot of 5")
      #expect(last.imagePath?.lastPathComponent == "0000005.jpeg")
      #expect(data.notes.contains("genres outside of the 23, not used: News 1"))
    }
  }

  @Test("each kind of damage is named, with its place")
  func damage() throws {
    try withTemporaryFolder { folder in
      let made = try write(to: folder)
      try made.write("dataset/0000010.json", #"{"genres": ["Western-Comedy"], "plot": ["p"]}"#)
      try made.write("dataset/0000011.json", #"{"genres": ["News"], "plot": ["p"]}"#)
      try made.write("dataset/0000012.json", #"{"genres": ["Drama"], "plot"#)
      try made.write("dataset/0000013.json", #"{"plot": ["p"]}"#)
      try made.write("dataset/0000014.json", #"{"genres": ["Drama"], "plot": []}"#)
      for number in 10...14 { try made.touch("dataset/00000\(number).jpeg") }
      try made.remove("dataset/0000000.jpeg")
      try made.remove("dataset/0000003.json")
      let ids = (10...14).map { "\"00000\($0)\"" }.joined(separator: ", ")
      try made.write(
        "split.json",
        #"{"train": ["0000000", "0000001", "0000002", \#(ids)], "dev": ["0000003"], "test": ["0000004", "0000001"]}"#)
      let data = try RawDataset(at: folder)
      let reasons = Dictionary(uniqueKeysWithValues: data.quarantined.map { ($0.place, $0.reason) })
      // The lists are read in the order of their names: dev, test, train.
      #expect(reasons["split.json[dev]:1"] == "there is no file 'dataset/0000003.json'")
      #expect(reasons["split.json[train]:1"] == "there is no picture 'dataset/0000000.jpeg'")
      #expect(reasons["split.json[train]:2"] == "the id '0000001' is in two splits, first at split.json[test]:2")
      #expect(reasons["split.json[train]:4"] == "the genre 'Western-Comedy' is not one of MM-IMDb's")
      #expect(reasons["split.json[train]:5"] == "has none of the 23 genres")
      #expect(reasons["split.json[train]:6"]?.hasPrefix("'dataset/0000012.json' cannot be read") == true)
      #expect(reasons["split.json[train]:7"] == "'dataset/0000013.json' has no list 'genres'")
      #expect(reasons.count == 7 && data.notes.contains("1 row without a text"))
    }
  }

  @Test("the HDF5 file alone is refused with what to do instead, and a split.json without a list says which")
  func refused() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      try made.touch("multimodal_imdb.hdf5")
      let error = #expect(throws: RawDatasetError.self) { try RawDataset(at: folder) }
      #expect(error?.diagnosis.remedy?.contains("seesaw import") == true)
    }
    try withTemporaryFolder { folder in
      let made = try write(to: folder)
      try made.write("split.json", #"{"train": ["0000000"], "val": ["0000001"], "extra": []}"#)
      let error = #expect(throws: RawDatasetError.self) { try RawDataset(at: folder) }
      #expect(
        error?.faults == [
          .unreadableFile("split.json", reason: "there is no list 'dev'"),
          .unreadableFile("split.json", reason: "there is no list 'test'"),
          .unreadableFile("split.json", reason: "'extra' is not a list of films for train, dev or test"),
        ])
    }
  }
}
