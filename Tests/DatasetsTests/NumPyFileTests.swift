import Datasets
import Foundation
import Records
import TestSupport
import Testing

/// Files that NumPy 2.4 wrote; scripts/reference/numpy_fixtures.py makes them.
@Suite struct NumPyFileTests {
  private struct Expected: Decodable {
    enum Value: Decodable, Equatable {
      case number(Double)
      case whole(Int)
      case text(String)

      init(from decoder: any Swift.Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Int.self) {
          self = .whole(value)
        } else if let value = try? container.decode(Double.self) {
          self = .number(value)
        } else {
          self = .text(try container.decode(String.self))
        }
      }

      var double: Double? {
        switch self {
        case .number(let value): value
        case .whole(let value): Double(value)
        case .text: nil
        }
      }

      var int: Int? { if case .whole(let value) = self { value } else { nil } }
      var text: String? { if case .text(let value) = self { value } else { nil } }
    }

    let shape: [Int]
    let values: [Value]
  }

  private func file(_ name: String) throws -> NumPyFile { try NumPyFile(at: Conditions.golden("numpy/\(name)")) }

  @Test("every type, byte order and memory order reads as NumPy reads it")
  func types() throws {
    let data = try Data(contentsOf: Conditions.golden("numpy/types.json"))
    let expected = try JSONDecoder().decode([String: Expected].self, from: data)
    let arrays = try NumPyFile.arrays(at: Conditions.golden("numpy/types.npz"))
    #expect(arrays.count == expected.count)
    for array in arrays {
      let truth = try #require(expected[array.name])
      #expect(array.shape == truth.shape, "\(array.name)")
      #expect(array.count == truth.values.count, "\(array.name)")
      if array.kind == .text {
        #expect(try array.strings() == truth.values.compactMap(\.text), "\(array.name)")
        continue
      }
      #expect(try array.doubles() == truth.values.compactMap(\.double), "\(array.name)")
      #expect(try array.floats() == truth.values.compactMap { $0.double.map(Float.init) }, "\(array.name)")
      if array.kind != .real { #expect(try array.ints() == truth.values.compactMap(\.int), "\(array.name)") }
    }
    #expect(arrays.first?.name == "i1_little")
    #expect(arrays.last?.name == "fortran_cube")
  }

  @Test("kinds are told apart")
  func kinds() throws {
    let types = try file("types.npz")
    #expect(try types.array("f2_big").kind == .real)
    #expect(try types.array("u8_big").kind == .integer)
    #expect(try types.array("bool").kind == .boolean)
    #expect(try types.array("bytes").kind == .text)
    #expect(try types.array("fortran_U3").kind == .text)
  }

  @Test("the three versions of the format are read", arguments: 1...3)
  func versions(version: Int) throws {
    let file = try file("version-\(version).npy")
    #expect(file.names == ["version-\(version)"])
    let array = try file.array("version-\(version)")
    #expect(array.shape == [3, 2])
    #expect(try array.doubles() == [1.5, -2, 0.25, 8, 3, 4])
  }

  @Test("stored, deflated and 64-bit archives are read", arguments: ["stored", "packed", "zip64"])
  func archives(name: String) throws {
    let arrays = try NumPyFile.arrays(at: Conditions.golden("numpy/\(name).npz"))
    #expect(arrays.map(\.name) == ["first", "second"])
    #expect(try arrays[0].floats() == [1.5, -2, 0.25, 8, 3, 4])
    #expect(try arrays[1].ints() == [0, 1, 2, 3, 4])
  }

  @Test("paths in an archive are only names, and what is no array is passed over")
  func names() throws {
    let file = try file("names.npz")
    #expect(file.names == ["../../escape", "/root", "ä"])
    #expect(try file.array("../../escape").ints() == [0, 1])
    #expect(try file.array("ä").ints() == [0, 1, 2, 3])
  }

  @Test("Python objects are refused with what to save instead")
  func objects() throws {
    let error = #expect(throws: NumPyError.self) { try file("refused-objects.npy").array("refused-objects") }
    #expect(error?.problem == .pickled)
    #expect(error?.diagnosis.description.contains("save plain arrays") == true)
    #expect(error?.diagnosis.exitStatus == .input)
    #expect(throws: NumPyError.self) { try NumPyFile.arrays(at: Conditions.golden("numpy/partly-objects.npz")) }
    #expect(try file("partly-objects.npz").array("labels").strings() == ["a", "b", "a"])
  }

  @Test("types that are not read are named", arguments: ["complex": "<c16", "dates": "<M8[s]", "void": "|V2"])
  func types(name: String, type: String) throws {
    let error = #expect(throws: NumPyError.self) { try file("refused-\(name).npy").array("refused-\(name)") }
    #expect(error?.problem == .unsupportedType(type))
  }

  @Test("structured arrays are refused")
  func structure() throws {
    let error = #expect(throws: NumPyError.self) { try file("refused-structure.npy").array("refused-structure") }
    #expect(error?.problem == .unsupportedType("a structure of several fields"))
  }

  @Test("numbers and texts are not taken for each other")
  func wrongKind() throws {
    let types = try file("types.npz")
    let error = #expect(throws: NumPyError.self) { try types.array("text_big").doubles() }
    #expect(error?.problem == .otherKind(.text, wanted: "numbers"))
    #expect(throws: NumPyError.self) { try types.array("bytes").ints() }
    #expect(throws: NumPyError.self) { try types.array("f4_big").strings() }
    #expect(throws: NumPyError.self) { try types.array("f8_big").ints() }
  }

  @Test("a name that is not there is answered with those that are")
  func unknownName() throws {
    let error = #expect(throws: NumPyError.self) { try file("packed.npz").array("frist") }
    #expect(error?.problem == .noArray(found: ["first", "second"]))
    #expect(error?.diagnosis.remedy == "did you mean 'first'?")
  }
}
