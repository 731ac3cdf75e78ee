import Foundation
import Records
import TestSupport
import Testing

@testable import Datasets

/// HDF5 files; `scripts/reference/hdf5.py` made those that are read here, and the same numbers as NumPy writes them.
@Suite("HDF5 files", .enabled(if: HDF5File.version != nil))
struct HDF5FileTests {
  private func golden(_ name: String) -> URL { Conditions.golden("hdf5/\(name)") }

  private func refusal(_ body: () throws -> Void) -> Diagnosis? {
    do {
      try body()
      return nil
    } catch { return Diagnosis(describing: error) }
  }

  /// That two arrays hold the same.
  private func expectEqual(_ rows: HDF5Array.Rows, _ plain: NumPyArray, _ comment: String) throws {
    switch rows {
    case .texts(let texts): #expect(try texts == plain.strings(), "\(comment)")
    case .numbers(let array):
      #expect(array.shape == plain.shape && array.kind == plain.kind, "\(comment)")
      #expect(try array.words() == plain.words(), "\(comment)")
      #expect(try array.floats().map(\.bitPattern) == plain.floats().map(\.bitPattern), "\(comment)")
    }
  }

  @Test(
    "every kind of element and of storage is what NumPy holds: half to double, big-endian, truth values, texts, gzip, shuffle",
    arguments: ["kinds", "storage"])
  func kinds(name: String) throws {
    let file = try HDF5File(at: golden("\(name).h5"))
    let plain = try NumPyFile(at: golden("\(name).npz"))
    #expect(file.arrays.map(\.name) == plain.names.sorted())
    for array in file.arrays {
      #expect(try array.problem == nil && array.isBytes == plain.array(array.name).isBytes)
      try expectEqual(try array.whole(), plain.array(array.name), array.name)
    }
  }

  @Test("what a later version of the library wrote is read, or named with what the library says of it")
  func newest() throws {
    for array in try HDF5File(at: golden("newest.h5")).arrays {
      guard let problem = array.problem else { continue }
      #expect(problem.hasPrefix("libhdf5 \(HDF5File.version ?? "") cannot open it: "), "\(problem)")
    }
  }

  @Test("files of the library's newer format are read too, and windows are whole rows in order")
  func newer() throws {
    let plain = try NumPyFile(at: golden("storage.npz"))
    for array in try HDF5File(at: golden("v110.h5")).arrays {
      var rows: [Float] = []
      try array.windows { window in
        guard case .numbers(let part) = window else { return }
        #expect(part.shape.dropFirst() == [4])
        rows += try part.floats()
      }
      #expect(try rows == plain.array(array.name).floats())
    }
  }

  @Test("links out of the file, circles, other files' numbers and structures are named and not followed")
  func links() throws {
    let file = try HDF5File(at: golden("links.h5"))
    let problems = Dictionary(uniqueKeysWithValues: file.arrays.map { ($0.name, $0.problem ?? "") })
    #expect(problems["outside"] == "it is a link into another file, which is not followed")
    #expect(problems["through"] == "it is a link that leads nowhere in the file")
    #expect(problems["nowhere"] == "it is a link that leads nowhere in the file")
    #expect(problems["group/back"] == "it is a link back to a group that it lies in")
    #expect(problems["virtual"]?.contains("a virtual data set") == true)
    #expect(problems["elsewhere"] == "its numbers lie in another file, which is not opened")
    #expect(problems["complex"]?.contains("structures") == true)
    #expect(problems["ragged"] == "it holds lists of unequal length")
    #expect(problems["reference"]?.contains("references") == true)
    #expect(problems["empty"] == "it has no shape")
    #expect(problems["bomb"] == "it claims 4398046511104 bytes, and 0 are stored")
    #expect(problems["wide-chunk"] == "its chunks are larger than a gigabyte")
    for name in ["labels", "image", "group/text", "alias"] { #expect(problems[name] == "") }
    for array in file.arrays where array.problem != nil {
      #expect(refusal { _ = try array.whole() }?.what.contains("is not read: ") == true, "\(array.name)")
    }
  }

  @Test("more than is allowed is not read")
  func limit() throws {
    let file = try HDF5File(at: golden("storage.h5"), limit: 700)
    let error = refusal { _ = try file.arrays[0].whole() }
    #expect(error?.what == "array 'checked' takes 800 bytes in memory, more than the 700 that are allowed")
  }

  @Test("what is cut off, empty, changed or no HDF5 file is refused with a sentence and the file's name")
  func damaged() throws {
    try withTemporaryFolder { folder in
      let whole = try Data(contentsOf: golden("storage.h5"))
      let file = folder.appending(path: "a.h5")
      func attempt(_ bytes: Data) throws -> Diagnosis? {
        try bytes.write(to: file)
        return refusal { for array in try HDF5File(at: file).arrays { _ = try array.whole() } }
      }
      for count in [0, 7, 8, 96, 800, 2048, whole.count / 2, whole.count - 1] {
        let error = try attempt(whole.prefix(count))
        #expect(
          error?.exitStatus == .input && error?.place == file.relativePath, "\(count): \(String(describing: error))")
      }
      #expect(
        try attempt(Data("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".utf8))?.what.contains(
          "Git LFS") == true)
      #expect(try attempt(Data("no such file".utf8))?.found == ["it cannot be opened: file signature not found"])
      // A checksum that does not hold.
      var changed = whole
      let numbers = try #require(changed.firstRange(of: try checkedRows()))
      changed[numbers.lowerBound] ^= 1
      #expect(try attempt(changed)?.what == "array 'checked' cannot be read")
    }
  }

  /// The first bytes of the array that is stored with checksums.
  private func checkedRows() throws -> Data {
    var bytes = Data()
    for number in try NumPyFile(at: golden("storage.npz")).array("checked").floats().prefix(8) {
      withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }
    return bytes
  }

  @Test("sequences of CMU's SDK and tables of pandas are told as what they are")
  func others() throws {
    let sequence = refusal { _ = try HDF5File(at: golden("sequence.csd")) }
    #expect(sequence?.what.contains("CMU's SDK") == true)
    #expect(sequence?.found == ["'COVAREP': features of 3 recordings, each with its own times"])
    #expect(refusal { _ = try HDF5File(at: golden("pandas.h5")) }?.what.contains("as pandas writes it") == true)
  }

  @Test("a file is known by its first bytes, whatever its name")
  func mark() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "features.bin")
      try FileManager.default.copyItem(at: golden("storage.h5"), to: file)
      #expect(HDF5File.isOne(file))
      try Data("\u{89}HDX\r\n\u{1A}\n".utf8).write(to: file)
      #expect(!HDF5File.isOne(file) && !HDF5File.isOne(folder) && HDF5File.isOne(folder.appending(path: "a.hdf5")))
    }
  }
}
