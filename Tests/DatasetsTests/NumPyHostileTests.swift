import Datasets
import Foundation
import Records
import TestSupport
import Testing

/// Files that are cut off, changed or made to do harm: an error each, and never a crash.
@Suite struct NumPyHostileTests {
  private func bytes(_ name: String) throws -> Data { try Data(contentsOf: Conditions.golden("numpy/\(name)")) }

  private func read(_ data: Data, _ name: String = "a.npz", limit: Int? = nil) throws -> [NumPyArray] {
    let file = try NumPyFile(data, path: name, limit: limit)
    return try file.names.map { try file.array($0) }
  }

  private func problem(_ data: Data, _ name: String = "a.npz", limit: Int? = nil) -> NumPyError.Problem? {
    do {
      _ = try read(data, name, limit: limit)
      return nil
    } catch { return (error as? NumPyError)?.problem }
  }

  /// A `.npy` file of that header and data.
  private func npy(_ header: String, data: Int = 0, version: UInt8 = 1) -> Data {
    let text = Data((header + "\n").utf8)
    let length = version == 1 ? 2 : 4
    let size = (0..<length).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    return Data([0x93] + Array("NUMPY".utf8) + [version, 0] + size) + text + Data(count: data)
  }

  /// The place of the `index`-th record of that kind in an archive.
  private func place(_ kind: [UInt8], in data: Data, _ index: Int = 0) throws -> Int {
    let mark = [0x50, 0x4B] + kind
    let places = data.indices.dropLast(3).filter { Array(data[$0..<$0 + 4]) == mark }
    return try #require(places.dropFirst(index).first)
  }

  private func patched(_ data: Data, at place: Int, _ bytes: [UInt8]) -> Data {
    var copy = data
    copy.replaceSubrange(place..<place + bytes.count, with: bytes)
    return copy
  }

  @Test(
    "a file cut off anywhere is refused",
    arguments: ["packed.npz", "stored.npz", "zip64.npz", "version-1.npy", "version-2.npy"])
  func truncated(name: String) throws {
    let whole = try bytes(name)
    for length in whole.indices {
      #expect(throws: NumPyError.self, "\(length) bytes") { try read(whole.prefix(length), name) }
    }
  }

  @Test("a changed byte is refused or harmless", arguments: ["packed.npz", "stored.npz", "zip64.npz", "version-3.npy"])
  func changed(name: String) throws {
    let whole = try bytes(name)
    let truth = try read(whole, name).map { try $0.doubles() }
    for place in whole.indices {
      for value in [whole[place] ^ 0x01, whole[place] ^ 0x80, 0x00, 0xFF] {
        var copy = whole
        copy[place] = value
        do {
          let arrays = try read(copy, name)
          // Archives have checksums; what else may change is a header within its checksum's reach, never data.
          if name.hasSuffix("npz") {
            for array in arrays { #expect(truth.contains(try array.doubles()), "byte \(place)") }
          } else {
            for array in arrays { _ = try? array.doubles() }
          }
        } catch { #expect(error is NumPyError, "byte \(place): \(error)") }
      }
    }
  }

  @Test("bytes that follow are refused")
  func trailing() throws {
    #expect(problem(try bytes("version-1.npy") + Data([0]), "a.npy") == .malformed("1 bytes follow its last element"))
    let archive = try bytes("packed.npz") + Data([0])
    #expect(problem(archive) == .truncated("the archive has no end, so it was not written or copied as a whole"))
  }

  @Test("data that does not match its checksum is refused")
  func checksum() throws {
    let whole = try bytes("stored.npz")
    let number = try #require(whole.firstRange(of: Data([0, 0, 0, 0, 0, 0, 0xF8, 0x3F])))
    let copy = patched(whole, at: number.lowerBound, [1])
    #expect(problem(copy) == .malformed("its checksum does not match, so its bytes have changed"))
  }

  @Test("an entry that claims more or less than it holds is refused")
  func claims() throws {
    let whole = try bytes("packed.npz")
    let entry = try place([1, 2], in: whole)
    #expect(problem(patched(whole, at: entry + 24, [177, 0])) == .malformed("it unpacks to 176 bytes and claims 177"))
    #expect(
      problem(patched(whole, at: entry + 24, [175, 0]))
        == .malformed("it unpacks to more than the 175 bytes it claims"))
    #expect(
      problem(patched(whole, at: entry + 24, [0xFE, 0xFF, 0xFF, 0xFF]))
        == .malformed("'first' claims 4294967294 bytes, which 91 packed bytes cannot hold"))
    #expect(
      problem(patched(whole, at: entry + 20, [0xFE, 0xFF, 0xFF, 0xFF]))
        == .truncated("'first' lies beyond the archive's list"))
  }

  @Test("sizes of 64 bits are no way around")
  func largeClaims() throws {
    let whole = try bytes("zip64.npz")
    // The first size in the extra field of the first entry: behind the name's nine letters and the field's own head.
    let size = try place([1, 2], in: whole) + 46 + 9 + 4
    let most: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
    #expect(
      problem(patched(whole, at: size, most))
        == .malformed("'first' claims \(Int.max) bytes, which 91 packed bytes cannot hold"))
    #expect(
      problem(patched(whole, at: size, most.dropLast() + [0xFF])) == .malformed("a size is larger than any file"))
    #expect(problem(patched(whole, at: size + 8, most)) == .truncated("'first' lies beyond the archive's list"))
    let end = try place([6, 6], in: whole)
    #expect(
      problem(patched(whole, at: end + 32, most)) == .malformed("its list of entries is shorter than it says"))
    #expect(
      problem(patched(whole, at: end + 40, most)) == .malformed("its list of entries is not where its end says"))
  }

  @Test("more than is allowed is not unpacked")
  func limit() throws {
    let url = Conditions.golden("numpy/zeros.npz")
    let file = try NumPyFile(at: url, limit: 1_000_000)
    let error = #expect(throws: NumPyError.self) { try file.array("zeros") }
    #expect(error?.problem == .tooLarge(bytes: 4_000_128, limit: 1_000_000))
    #expect(try NumPyFile(at: url).array("zeros").count == 500_000)
  }

  @Test("entries that share their bytes are refused, and a sum of entries beyond the limit too")
  func overlapping() throws {
    let whole = try bytes("packed.npz")
    let second = try place([1, 2], in: whole, 1)
    let error = problem(patched(whole, at: second + 42, [0, 0, 0, 0]))
    guard case .malformed(let reason)? = error, reason.hasSuffix("lies over another entry") else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(throws: Never.self) { try NumPyFile(whole, path: "a.npz", limit: 1000).requireRoom() }
    #expect(throws: NumPyError.self) { try NumPyFile(whole, path: "a.npz", limit: 200).requireRoom() }
  }

  @Test("other packing and encryption are refused")
  func methods() throws {
    let error = problem(try bytes("lzma.npz"))
    #expect(
      error == .malformed("'first' is packed by the method 14, only stored and deflated entries are read"))
    let whole = try bytes("packed.npz")
    #expect(
      problem(patched(whole, at: try place([1, 2], in: whole) + 8, [1])) == .malformed("'first' is encrypted"))
  }

  @Test("the same name twice is refused")
  func twice() throws {
    let whole = try bytes("stored.npz")
    let entry = try place([1, 2], in: whole)
    let twin = whole[entry..<(try place([1, 2], in: whole, 1))]
    var doubled = whole
    let second = try place([1, 2], in: whole, 1)
    let end = try place([5, 6], in: whole)
    doubled.replaceSubrange(second..<end, with: twin)
    let newEnd = second + twin.count
    let size = UInt8(truncatingIfNeeded: newEnd - entry)
    doubled = patched(doubled, at: newEnd + 12, [size])
    #expect(problem(doubled) == .malformed("'first' is in it twice"))
  }

  @Test(
    "headers that ask for too much are refused",
    arguments: [
      "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }",
      "{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,), }",
      "{'descr': '<U999999999999', 'fortran_order': False, 'shape': (0,), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (1.5,), }",
      "{'descr': '<f8', 'fortran_order': 3, 'shape': (1,), }",
      "{'descr': '<f8', 'shape': (1,), }",
      "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), } and more",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (1,",
      "__import__('os').abort()",
      "",
    ])
  func headers(text: String) throws {
    #expect(throws: NumPyError.self) { try read(npy(text, data: 8), "a.npy") }
    #expect(throws: NumPyError.self) { try read(npy(text, data: 8, version: 2), "a.npy") }
  }

  @Test("a header of endless brackets is refused")
  func nesting() throws {
    let text = "{'descr': '<f8', 'fortran_order': False, 'shape': " + String(repeating: "(", count: 30_000)
    #expect(problem(npy(text), "a.npy") == .malformed("its header is not a dictionary"))
  }

  @Test("old ways of writing a header are read")
  func oldHeaders() throws {
    let arrays = try read(npy("{\"descr\": \"<i4\", 'shape': (2L, 1L), 'fortran_order': False}", data: 8), "a.npy")
    #expect(arrays.first?.shape == [2, 1])
  }

  @Test("text that is not Unicode is refused with its place")
  func text() throws {
    let header = npy("{'descr': '<U1', 'fortran_order': False, 'shape': (2,), }")
    let array = try #require(try read(header + Data([65, 0, 0, 0, 0, 0xD8, 0, 0]), "a.npy").first)
    let error = #expect(throws: NumPyError.self) { try array.strings() }
    #expect(error?.problem == .element(1, "a text that is not Unicode"))
    let latin = npy("{'descr': '|S1', 'fortran_order': False, 'shape': (1,), }") + Data([0xE9])
    #expect(throws: NumPyError.self) { try read(latin, "a.npy").first?.strings() }
  }

  @Test("numbers that are no 64-bit integers are refused with their place")
  func integers() throws {
    let header = npy("{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }")
    let array = try #require(try read(header + Data(repeating: 0xFF, count: 8), "a.npy").first)
    #expect(throws: NumPyError.self) { try array.ints() }
    #expect(try array.doubles() == [0x1p64])
  }

  @Test("halves that are infinite or no number stay so")
  func halves() throws {
    let header = npy("{'descr': '<f2', 'fortran_order': False, 'shape': (3,), }")
    let array = try #require(try read(header + Data([0, 0x7C, 0, 0xFC, 1, 0x7C]), "a.npy").first)
    let values = try array.floats()
    #expect(values[0] == .infinity)
    #expect(values[1] == -.infinity)
    #expect(values[2].isNaN)
  }

  @Test("other files, pickles, folders and absent files are told apart")
  func others() throws {
    #expect(problem(Data("image,text\n".utf8)) == .unknownFormat)
    #expect(problem(Data()) == .truncated("it is empty"))
    #expect(problem(Data([0x80, 0x04, 0x95, 0x00])) == .pickled)
    try withTemporaryFolder { folder in
      let error = #expect(throws: Diagnosis.self) { try NumPyFile(at: folder) }
      #expect(error?.what == "a folder where a file was expected")
      let absent = #expect(throws: Diagnosis.self) { try NumPyFile(at: folder.appending(path: "none.npy")) }
      #expect(absent?.what == "no such file or folder")
    }
  }

  /// A zip archive of files without anything in them.
  private func archive(_ names: [String]) -> Data {
    func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 0xFF) } }
    var entries: [UInt8] = []
    var list: [UInt8] = []
    for name in names {
      let offset = entries.count
      let facts = [UInt8](repeating: 0, count: 20) + little(name.utf8.count, 2) + little(0, 2)
      entries += [0x50, 0x4B, 3, 4, 20, 0] + facts + name.utf8
      list +=
        [0x50, 0x4B, 1, 2, 20, 0, 20, 0] + facts + [UInt8](repeating: 0, count: 10) + little(offset, 4) + name.utf8
    }
    let end =
      little(names.count, 2) + little(names.count, 2) + little(list.count, 4) + little(entries.count, 4) + [0, 0]
    return Data(entries + list + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + end)
  }

  @Test(
    "an archive without arrays is told as what it is",
    arguments: [
      (["archive/data.pkl", "archive/data/0"], "PyTorch file"),
      (["net/data.pkl", "net/constants.pkl"], "TorchScript module"),
      (["[Content_Types].xml", "xl/workbook.xml"], "an office document"), (["a.txt", "b.txt"], "('a.txt', 'b.txt')"),
      (["a/1.png", "a/2.png", "a/3.png", "a/4.png"], "'a/3.png', …"), ([], "an empty archive"),
    ])
  func otherArchives(names: [String], words: String) throws {
    let error = try #require(throws: NumPyError.self) { try NumPyFile(archive(names), path: "a.npz") }
    #expect(error.diagnosis.what.contains(words), "\(error.diagnosis.what)")
    #expect(error.diagnosis.exitStatus == .input)
  }

  @Test("a file of Python objects is told when it is opened, before an array is asked for")
  func objectsAtOnce() throws {
    let data = npy("{'descr': '|O', 'fortran_order': False, 'shape': (), }")
    let error = try #require(throws: NumPyError.self) { try NumPyFile(data, path: "dict.npy") }
    #expect(error.problem == .pickled && error.array == "dict")
  }

  @Test("whole numbers beyond 63 bits are exact as names")
  func words() throws {
    let header = "{'descr': '<u8', 'fortran_order': False, 'shape': (2,), }"
    let bytes = npy(header) + Data([255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 32, 0])
    let array = try #require(try read(bytes, "ids.npy").first)
    #expect(try array.words() == ["18446744073709551615", "9007199254740993"])
  }
}
