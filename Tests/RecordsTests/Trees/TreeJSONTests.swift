import Foundation
import Records
import Testing

struct TreeJSONTests {
  @Test("decimals are read to the nearest number, short or long, and what is none is refused")
  func decimals() throws {
    var seed: UInt64 = 7
    for digits in 1...17 {
      for _ in 0..<200 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let number = String(seed % UInt64(pow(10, Double(digits))))
        let text = String(repeating: "0", count: max(0, digits + 1 - number.count)) + number
        for places in 1...digits {
          let decimal = "\(seed & 1 == 0 ? "-" : "")\(text.dropLast(places)).\(text.suffix(places))"
          let value = try #require(try Tree(json: "[\(decimal)]").listValue?.first?.numberValue)
          #expect(value.bitPattern == Double(decimal)?.bitPattern, "\(decimal)")
        }
      }
    }
    // As programs print doubles: 15 to 17 digits, with exponents; and halfway between two numbers.
    for _ in 0..<20_000 {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let number = Double(Int64(bitPattern: seed) >> 8) * pow(10, -Double(seed % 31))
      for decimal in ["\(number)", "\(Float(number))", "\(Double(Float(number)))"] where Int(decimal) == nil {
        let value = try Tree(json: decimal).numberValue
        #expect(value?.bitPattern == Double(decimal)?.bitPattern, "\(decimal)")
      }
    }
    for decimal in [
      "9007199254740993.0", "9007199254740995.0", "4503599627370496.5", "4503599627370497.5", "1.00000000000000011102",
      "0.1000000000000000055", "1e22", "1e23", "8.5e-20", "1.7976931348623157e308", "5e-324", "0e99", "0.0e-99",
      "1234567890123456789.5", "0.0000000000000000001", "9999999999999999999e-19", "00012345678.12345678",
      "0.00000000000000000000123456789", "1.5E+3", "12345678.87654321e7",
    ] {
      #expect(try Tree(json: decimal).numberValue?.bitPattern == Double(decimal)?.bitPattern, "\(decimal)")
    }
    #expect(try Tree(json: "-0.0").numberValue?.sign == .minus)
    for text in [".5", "+1.5", "1.2.3", "1.5-", "--1.5", "1.5e", "-", "1234567/.5", "1234567:.5"] {
      #expect(throws: Diagnosis.self, "\(text)") { try Tree(json: text) }
    }
  }

  @Test("lists of numbers under one key are read as floats, every other value as it is elsewhere")
  func floats() throws {
    func read(_ features: String) throws -> Tree? {
      try Tree(json: #"{"features": \#(features), "others": {"a": [1]}}"#, floatsUnder: "features")[path: "features"]
    }
    #expect(try read(#"{"a": [1, -2.5e-1 ,3] , "b":[0]}"#) == ["a": .floats([1, -0.25, 3]), "b": .floats([0])])
    for other in [
      #"{"a": []}"#, #"{"a": [1, null]}"#, #"{"a": [1, "2"]}"#, #"{"a": [1, -Infinity, NaN]}"#, #"{"a": [[1]]}"#,
      #"{"a": 1}"#, "[1]", #"{"a": {"b": [1]}}"#, #"{"a": [1, true]}"#,
    ] {
      #expect(try read(other) == Tree(json: other), "\(other)")
    }
    for wrong in ["[1,]", "[,1]", "[1 2]", "[1", "[-]", "[+1]", "[1}", "[1, -x]"] {
      let text = "{\"features\": {\"a\": \(wrong)"
      let told = try #require(throws: Diagnosis.self) { try Tree(json: text + "}}", floatsUnder: "features") }
      #expect(throws: told) { try Tree(json: text + "}}") }
    }
    let whole = try Tree(json: #"{"a": [0.1, 16777217]}"#, floatsUnder: "")
    #expect(whole == ["a": .floats([0.1, 16_777_216])])
    #expect(whole[path: "a"]?.listValue == [.number(Double(Float(0.1))), 16_777_216.0])
    #expect(try Tree(json: whole.json()) == ["a": [.number(Double(Float(0.1))), 16_777_216.0]])
  }

  @Test("JSON text has sorted keys, compact and pretty")
  func text() {
    let tree: Tree = ["b": [1, 2.0, "x"], "a": ["c": true, "d": .null], "e": [["f": 1]], "g": [:], "h": []]
    #expect(tree.json() == #"{"a":{"c":true,"d":null},"b":[1,2.0,"x"],"e":[{"f":1}],"g":{},"h":[]}"#)
    #expect(
      tree.json(.pretty) == """
        {
          "a": {
            "c": true,
            "d": null
          },
          "b": [1, 2.0, "x"],
          "e": [
            {
              "f": 1
            }
          ],
          "g": {},
          "h": []
        }
        """)
  }

  @Test("keys that are given an order come first, in it")
  func ordered() {
    let tree: Tree = ["z": 1, "a": 2, "m": ["b": 1, "z": 2]]
    #expect(tree.json(order: ["z", "m"]) == #"{"z":1,"m":{"z":2,"b":1},"a":2}"#)
  }

  @Test(
    "texts with quotes, breaks, control characters and emoji survive",
    arguments: [
      "a\"b\\c", "line\nbreak\ttab\r", "\u{1}\u{7f}", "日本語 🙂", "", "/slash/",
    ])
  func texts(text: String) throws {
    let tree: Tree = .table([text: .string(text)])
    #expect(try Tree(json: tree.json()) == tree)
    #expect(try JSONDecoder().decode([String: String].self, from: Data(tree.json().utf8)) == [text: text])
  }

  @Test(
    "numbers survive to the last bit",
    arguments: [
      0.1, -0.0, 1e-300, 1.7976931348623157e308, Double.leastNonzeroMagnitude, 1.0, 123_456_789.123, 1e16,
    ])
  func numbers(value: Double) throws {
    let read = try Tree(json: Tree.number(value).json())
    #expect(read == .number(value))
  }

  @Test("numbers that are not finite are written as null")
  func notFinite() { #expect(Tree.list([.number(.nan), .number(.infinity)]).json() == "[null,null]") }

  @Test("what others write is read: escapes, surrogates, space, large numbers, a byte-order mark")
  func foreign() throws {
    #expect(try Tree(json: #" { "a" : "\u00e9\ud83d\ude42\/\b\f" } "#) == ["a": "é🙂/\u{8}\u{c}"])
    #expect(try Tree(json: "\u{FEFF}[1E2,-3,12345678901234567890]") == [100.0, -3, 12345678901234567890.0])
    #expect(try Tree(json: "[]") == [])
  }

  @Test("Python's NaN is nothing, its Infinity and a number beyond all are not finite")
  func python() throws {
    let tree = try Tree(json: #"{"a": NaN, "b": [Infinity, -Infinity, 1e999, -1e999], "c": "NaN"}"#)
    #expect(tree[path: "a"] == .null && tree[path: "c"] == "NaN")
    #expect(
      tree[path: "b"] == .list([.number(.infinity), .number(-.infinity), .number(.infinity), .number(-.infinity)]))
  }

  @Test(
    "whole numbers beyond 64 bits keep their digits where that is asked for",
    arguments: [
      "9223372036854775808", "18446744073709551615", "-9223372036854775809", "123456789012345678901234567890",
    ])
  func digits(text: String) throws {
    #expect(try Tree(json: "[\(text), 7]", keepsDigits: true) == [.string(text), 7])
    let rounded = try Tree(json: text)
    #expect(rounded == .number(Double(text) ?? 0))
    #expect(throws: Diagnosis.self) { try Tree(json: "-", keepsDigits: true) }
  }

  @Test(
    "what is no JSON is refused with its place",
    arguments: [
      ("{\"a\": 1,\n  \"a\": 2}", "'a' is there twice", "x.json:2:9"),
      ("[1, 2", "a ',' or ']' is missing", "x.json:1:6"),
      ("{\"a\" 1}", "a ':' is missing after 'a'", "x.json:1:6"), ("[nul]", "this is not JSON", "x.json:1:2"),
      ("", "the JSON ends too early", "x.json:1:1"), ("[1] 2", "something follows the end of the JSON", "x.json:1:5"),
      ("[\"\\ud800\"]", "half a character in a text", "x.json:1:9"),
      ("[\"a", "a text without its closing quote", "x.json:1:4"),
      ("[+1]", "this is not JSON", "x.json:1:2"), ("[\"\\x\"]", "'\\' is followed by something unknown", "x.json:1:5"),
      ("[\"\\u+123\"]", "four digits are missing after '\\u'", "x.json:1:5"),
      ("{a: 1}", "a key in quotes is missing", "x.json:1:2"), ("[1e]", "this is not JSON", "x.json:1:2"),
      ("[Inf]", "this is not JSON", "x.json:1:2"), ("[-NaN]", "this is not JSON", "x.json:1:2"),
    ])
  func refused(text: String, what: String, place: String) {
    #expect(throws: Diagnosis(what, place: place, exitStatus: .input)) { try Tree(json: text, place: "x.json") }
  }

  @Test("JSON nested without end is refused, not followed")
  func deep() {
    let error = #expect(throws: Diagnosis.self) { try Tree(json: String(repeating: "[", count: 100_000)) }
    #expect(error?.what == "JSON nested deeper than 128 levels")
  }
}
