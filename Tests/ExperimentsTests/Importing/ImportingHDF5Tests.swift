import Datasets
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

/// HDF5 files go the way of all arrays; `scripts/reference/hdf5.py` made those that are read here.
@Suite("Importing HDF5 files", .enabled(if: HDF5File.version != nil))
struct ImportingHDF5Tests {
  private func request(_ name: String, in folder: URL) -> ImportRequest {
    var request = ImportRequest(out: folder.appending(path: "\(name)-out"))
    request.file = Conditions.golden("hdf5/\(name)")
    return request
  }

  private func refusal(_ request: ImportRequest) -> Diagnosis? {
    do {
      _ = try Experiment.importFeatures(request)
      return nil
    } catch { return Diagnosis(describing: error) }
  }

  @Test(
    "features by split in groups, as MultiBench has them, become to the bit what the same arrays in a .npz become",
    arguments: ImportPooling.allCases)
  func multiBench(pooling: ImportPooling) throws {
    try withTemporaryFolder { folder in
      var one = request("multibench.h5", in: folder)
      var other = request("multibench.npz", in: folder)
      (one.pooling, other.pooling) = (pooling, pooling)
      let summary = try Experiment.importFeatures(one)
      #expect(summary.widths == ["vision": 3, "audio": 2, "text": 4])
      #expect(summary.counts == ["train": 14, "validation": 4, "test": 6])
      _ = try Experiment.importFeatures(other)
      for split in ["train", "validation", "test"] {
        for file in ["\(split).safetensors", "\(split).samples.jsonl"] {
          let bytes = try [one, other].map { try Data(contentsOf: $0.out.appending(path: file)) }
          // Archives and files of groups name their arrays in different orders.
          if file.hasSuffix("jsonl") { #expect(bytes[0] == bytes[1]) }
        }
        let sets = try [one, other].map { try FeatureSet(at: $0.out) }
        for modality in ["vision", "audio", "text"] {
          let rows = try sets.map { set in
            try SafeTensors(reading: set.folder.appending(path: "\(split).safetensors")).tensor(modality).array(
              of: Float.self)
          }
          #expect(rows[0] == rows[1] && !rows[0].isEmpty)
        }
      }
      let ids = try FeatureSet(at: one.out).origins(of: "test")?.map(\.id)
      #expect(ids == (18..<24).map { "clip-é-\($0)" })
    }
  }

  @Test("MM-IMDb's own file: several genres a film, its own split, and what is no features left out with a note")
  func mmIMDb() throws {
    try withTemporaryFolder { folder in
      var request = request("multimodal_imdb.hdf5", in: folder)
      let missing = refusal(request)
      #expect(missing?.what == "there are no labels" && missing?.remedy?.hasSuffix("--labels genres") == true)
      request.labels = "genres"
      #expect(refusal(request)?.what.hasPrefix("array 'images' has the shape [30, 3, 4, 2]") == true)
      request.modalities = [("image", "vgg_features"), ("text", "features")]
      request.ids = "imdb_ids"
      let summary = try Experiment.importFeatures(request)
      #expect(summary.widths == ["image": 8, "text": 6])
      #expect(summary.counts == ["train": 18, "validation": 4, "test": 8])
      #expect(summary.notes.contains("the split is the file's own: train 0 to 18, dev 18 to 22, test 22 to 30"))
      let set = try FeatureSet(at: request.out)
      #expect(set.manifest.task == .multiLabel && set.manifest.classes.count == 4)
      #expect(try set.origins(of: "validation")?.map(\.id) == ["0000118", "0000119", "0000120", "0000121"])
      // Twice is once, and another in its place only where that is said.
      #expect(try Experiment.importFeatures(request).alreadyDone)
      request.standardize = true
      #expect(refusal(request)?.what == "the folder holds another import")
      request.again = true
      #expect(try !Experiment.importFeatures(request).alreadyDone)
      request.modalities = [("text", "sequences")]
      #expect(refusal(request)?.what == "array 'sequences' is not read: it holds lists of unequal length")
    }
  }

  @Test("arrays below one group go by their own names, those in groups by the last; what is not read is noted")
  func groups() throws {
    try withTemporaryFolder { folder in
      let summary = try Experiment.importFeatures(request("links.h5", in: folder))
      #expect(summary.widths == ["image": 3, "alias": 2, "text": 2])
      #expect(
        summary.notes.contains("array 'outside' is left out: it is a link into another file, which is not followed"))
      #expect(summary.notes.contains("array 'ragged' is left out: it holds lists of unequal length"))
      let error = refusal(request("regression.h5", in: folder))
      #expect(error?.what.hasPrefix("labels are classes, 'labels' is not a whole number in 12 rows") == true)
      #expect(error?.remedy?.contains("--task regression") == true)
    }
  }

  @Test("files of single arrays may be HDF5, one array each")
  func parts() throws {
    try withTemporaryFolder { folder in
      var request = ImportRequest(out: folder.appending(path: "out"))
      let labels = folder.appending(path: "labels.csv")
      try Data((0..<9).map { "\($0 % 2)\n" }.joined().utf8).write(to: labels)
      request.parts = ["image": Conditions.golden("hdf5/kinds.h5"), "labels": labels]
      #expect(refusal(request)?.what == "'image' should be one array, the file holds 20")
    }
  }

  @Test("check says in some lines what a file holds and which command takes it")
  func look() throws {
    let lines = Experiment.look(at: CheckRequest(data: Conditions.golden("hdf5/multimodal_imdb.hdf5")))
    #expect(lines.count <= 10 && lines[0] == "an HDF5 file of arrays, for features that were made elsewhere")
    #expect(lines[1].contains("vgg_features: 30 × 8 real numbers"))
    #expect(lines.contains("not read: 1 (sequences, for it holds lists of unequal length)"))
    #expect(
      lines.contains("labels: genres (30 rows)") && lines.contains("ids: imdb_ids") && lines.contains("split: split"))
    let last = try #require(lines.last)
    #expect(last.hasSuffix("--labels genres --ids imdb_ids --modalities features,vgg_features"), "\(last)")
    let broken = Experiment.look(at: CheckRequest(data: Conditions.golden("hdf5/pandas.h5")))
    #expect(broken.contains { $0.hasPrefix("what helps: save its columns as arrays") })
  }
}
