import Foundation
import Records

/// An array, as the list of a file has it.
struct HDF5Object {
  let name: String
  let shape: [Int]
  let kind: NumPyArray.Kind
  /// Of the elements in memory; nil for texts.
  let elements: NumPyElements?
  /// Why it is not read; nil where it is.
  let problem: String?
}

#if READS_HDF5
  import CHDF5

  /// The process that reads a file, and what it sends.
  ///
  /// What comes from it is believed as little as the file is: a file that breaks the library may have it write anything.
  final class HDF5Child {
    enum Record {
      case object(HDF5Object)
      case rows(split: String, Range<Int>)
      /// Its bytes follow, and are to be taken.
      case window(rows: Int, bytes: Int)
    }

    private let child: chdf5_child
    private let path: String
    /// What is read, in words.
    private let subject: String
    private var isEnded = false

    init(listing url: URL, limit: Int) throws {
      path = url.relativePath
      subject = "the file"
      child = try Self.started(path) { chdf5_list(url.path(percentEncoded: false), UInt64(limit), &$0) }
    }

    init(reading name: String, of url: URL) throws {
      path = url.relativePath
      subject = "array '\(name)'"
      child = try Self.started(path) { chdf5_read(url.path(percentEncoded: false), name, &$0) }
    }

    deinit { if !isEnded { chdf5_end(child) } }

    private static func started(_ path: String, _ start: (inout chdf5_child) -> Int32) throws -> chdf5_child {
      var child = chdf5_child()
      let status = start(&child)
      guard status == 0 else {
        throw Diagnosis(
          "the file cannot be read: no process could be started for it", place: path,
          found: [String(cString: strerror(status))], exitStatus: .failed)
      }
      return child
    }

    /// The next record; nil at the end.
    func record() throws -> Record? {
      let tag = try u8()
      switch Int(tag) {
      case CHDF5_OBJECT: return .object(try object())
      case CHDF5_ROWS:
        let split = try text()
        let (first, end) = (try number(), try number())
        guard first <= end else { throw broken() }
        return .rows(split: split, first..<end)
      case CHDF5_WINDOW: return .window(rows: try number(), bytes: try number())
      case CHDF5_END:
        let fault = try text()
        end()
        guard fault.isEmpty else { throw refusal(fault) }
        return nil
      default: throw broken()
      }
    }

    func data(_ count: Int) throws -> Data {
      var data = Data(count: count)
      let taken = data.withUnsafeMutableBytes { bytes in
        bytes.baseAddress.map { chdf5_take(child, $0, Int64(count)) } ?? 0
      }
      guard taken == count else { throw broken() }
      return data
    }

    /// Texts that are so many bytes with their lengths.
    func texts(_ count: Int, bytes: Int) throws -> [Data] {
      let all = try data(bytes)
      var place = all.startIndex
      var texts: [Data] = []
      for _ in 0..<count {
        guard all.endIndex - place >= 4 else { throw broken() }
        let length = (0..<4).reduce(0) { $0 | Int(all[place + $1]) << (8 * $1) }
        place += 4
        guard length <= all.endIndex - place else { throw broken() }
        texts.append(all[place..<place + length])
        place += length
      }
      return texts
    }

    /// The process ended before it was done, or sends what it should not.
    func broken() -> Diagnosis {
      let signal = isEnded ? 0 : end()
      let isLate = signal == SIGXCPU
      return Diagnosis(
        "\(subject) \(isLate ? "takes too long to read, as damaged ones do" : "is damaged")", place: path,
        found: [isLate ? "libhdf5 was stopped" : "libhdf5 broke off\(signal == 0 ? "" : " (signal \(signal))")"],
        remedy: "copy or write the file again", exitStatus: .input)
    }

    private func refusal(_ fault: String) -> Diagnosis {
      Diagnosis(
        "\(subject) cannot be read", place: path, found: [fault],
        remedy: "copy it again, or look at it with h5dump -H", exitStatus: .input)
    }

    @discardableResult
    private func end() -> Int32 {
      isEnded = true
      return chdf5_end(child)
    }

    // MARK: Fields

    private static let highestRank = 32
    private static let longestText = 1 << 20

    private func object() throws -> HDF5Object {
      let name = try text()
      let (kind, size, rank) = (try u8(), try u8(), Int(try u8()))
      guard rank <= Self.highestRank else { throw broken() }
      let shape = try (0..<rank).map { _ in try number() }
      let problem = try text()
      guard shape.reduce(1.0, { $0 * Double($1) }) < 0x1p60 else {
        return HDF5Object(
          name: name, shape: [], kind: .real, elements: nil, problem: "its shape \(shape) is larger than any memory")
      }
      let letter: String
      switch chdf5_kind(UInt32(kind)) {
      case CHDF5_REAL: letter = "f"
      case CHDF5_SIGNED: letter = "i"
      case CHDF5_UNSIGNED: letter = "u"
      case CHDF5_TRUTH: letter = "b"
      case CHDF5_TEXT: return HDF5Object(name: name, shape: shape, kind: .text, elements: nil, problem: nil)
      default:
        return HDF5Object(
          name: name, shape: shape, kind: .real, elements: nil, problem: problem.isEmpty ? "it is damaged" : problem)
      }
      guard let elements = try? NumPyElements("<\(letter)\(size)") else { throw broken() }
      return HDF5Object(name: name, shape: shape, kind: elements.kind, elements: elements, problem: nil)
    }

    private func u8() throws -> UInt8 { try data(1)[0] }

    private func number() throws -> Int {
      let bytes = try data(8)
      let value = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[$1]) << (8 * UInt64($1)) }
      guard let number = Int(exactly: value) else { throw broken() }
      return number
    }

    private func text() throws -> String {
      let bytes = try data(4)
      let count = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
      guard count <= Self.longestText else { throw broken() }
      return String(decoding: try data(count), as: UTF8.self)
    }
  }
#endif
