package import Foundation
package import Records
package import TorchNN

/// A JSON file of a checkpoint, or a table in one, read by key; what is asked for and wrong is refused by name.
package struct CheckpointConfiguration {
  package let file: String
  package let table: [String: Tree]
  private let path: String

  package init(reading url: URL) throws {
    file = url.path
    path = ""
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw CheckpointError.noFile(url.lastPathComponent, in: url.deletingLastPathComponent().path)
    }
    let data = try BoundedFile.read(url, limit: BoundedFile.largestRecord)
    do {
      guard let table = try Tree(json: String(decoding: data, as: UTF8.self)).tableValue else {
        throw CheckpointError.unreadable(file: file, reason: "it is not a JSON object")
      }
      self.table = table
    } catch let error as Diagnosis {
      throw CheckpointError.unreadable(file: file, reason: error.what)
    }
  }

  /// What a file said once.
  package init(file: String, table: [String: Tree], path: String = "") {
    self.file = file
    self.table = table
    self.path = path
  }

  /// A table within; empty where there is none, so that its defaults hold.
  package func nested(_ key: String) -> CheckpointConfiguration {
    // Older composite checkpoints say what differs from a standard configuration a second time.
    let table = (self.table[key]?.tableValue ?? [:]).merging(self.table["\(key)_dict"]?.tableValue ?? [:]) { $1 }
    return CheckpointConfiguration(file: file, table: table, path: "\(path)\(key).")
  }

  /// The value under a key; nil for `null` too.
  package subscript(key: String) -> Tree? { table[key].flatMap { $0 == .null ? nil : $0 } }

  package func malformed(_ key: String, _ expected: String) -> CheckpointError {
    .malformed(key: path + key, in: file, expected: expected)
  }

  package func unsupported(_ key: String, supported: String) -> CheckpointError {
    .unsupported(key: path + key, value: table[key]?.json() ?? "nothing", in: file, supported: supported)
  }

  /// A count: at least 1, and no larger than any network's.
  package func count(_ key: String, default standard: Int) throws -> Int {
    guard let value = self[key] else { return standard }
    guard let number = value.intValue, (1...1 << 28).contains(number) else {
      throw malformed(key, "a whole number above 0")
    }
    return number
  }

  /// The number of a token.
  package func token(_ key: String, default standard: Int?) throws -> Int? {
    guard let value = self[key] else { return standard }
    guard let number = value.intValue, (0...1 << 28).contains(number) else {
      throw malformed(key, "a whole number from 0 on")
    }
    return number
  }

  package func number(_ key: String, default standard: Double) throws -> Double {
    guard let value = self[key] else { return standard }
    guard let number = value.numberValue, number.isFinite else { throw malformed(key, "a number") }
    return number
  }

  package func flag(_ key: String, default standard: Bool) throws -> Bool {
    guard let value = self[key] else { return standard }
    guard let flag = value.boolValue else { throw malformed(key, "true or false") }
    return flag
  }

  package func text(_ key: String, default standard: String) throws -> String {
    guard let value = self[key] else { return standard }
    guard let text = value.stringValue else { throw malformed(key, "a text") }
    return text
  }

  /// Height and width, given as one number or as two.
  package func size(_ key: String, default standard: Int) throws -> (height: Int, width: Int) {
    if let list = self[key]?.listValue {
      let sides = list.compactMap(\.intValue)
      guard list.count == 2, sides.count == 2, sides.allSatisfy({ (1...65536).contains($0) }) else {
        throw malformed(key, "a size")
      }
      return (sides[0], sides[1])
    }
    let side = try count(key, default: standard)
    return (side, side)
  }

  /// Refuses any other value; the value that stands where there is none is supported.
  package func require(_ key: String, _ supported: Tree...) throws {
    guard let value = self[key], !supported.contains(value) else { return }
    throw unsupported(key, supported: supported.map { $0.json() }.joined(separator: ", "))
  }

  /// Refuses what any architecture may ask for and none here does.
  package func requireOrdinary() throws {
    if let map = self["auto_map"]?.tableValue, map["AutoModel"] != nil {
      throw unsupported("auto_map", supported: "architectures that need no code of the checkpoint's own")
    }
    if self["quantization_config"] != nil {
      throw unsupported("quantization_config", supported: "weights as float32, float16 or bfloat16")
    }
    if let pruned = self["pruned_heads"]?.tableValue, !pruned.isEmpty {
      throw unsupported("pruned_heads", supported: "no pruned heads")
    }
  }

  package func activation(_ key: String, default standard: String) throws -> Activation {
    guard let activation = Activation(named: try text(key, default: standard)) else {
      throw unsupported(key, supported: Activation.names)
    }
    return activation
  }

  /// The number of heads, which must divide the width.
  package func heads(_ key: String, default standard: Int, width: Int) throws -> Int {
    let heads = try count(key, default: standard)
    guard width % heads == 0 else { throw malformed(key, "a divisor of the width \(width)") }
    return heads
  }
}
