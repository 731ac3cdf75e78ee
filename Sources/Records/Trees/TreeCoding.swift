import Foundation

// JSONEncoder would write the number 0 as it writes the integer 0, and the overlay must tell them apart: so a coder of
// our own, straight between values and trees.

extension Tree {
  /// A value as a tree.
  ///
  /// - Throws: `EncodingError` where an integer does not fit into 64 signed bits, or the value's own error.
  public init(encoding value: some Encodable, keys: KeySpelling = .snakeCase) throws {
    let box = TreeBox()
    try box.fill(value, keys: keys, codingPath: [])
    self = box.tree
  }

  /// The value that this tree describes.
  ///
  /// Keys without a property are ignored; ``ConfigurationResolver`` is what refuses them.
  ///
  /// - Throws: `DecodingError`; `Diagnosis(describing:)` makes a sentence of it.
  public func decode<T: Decodable>(_ type: T.Type = T.self, keys: KeySpelling = .snakeCase) throws -> T {
    try TreeDecoder(tree: self, keys: keys, codingPath: []).value(type)
  }
}

/// Dictionaries whose keys are data, not names of properties.
protocol FreeMap {}
extension Dictionary: FreeMap where Key == String {}

extension KeySpelling {
  func spell(_ name: String) -> String {
    guard self == .snakeCase else { return name }
    let letters = Array(name)
    var result = ""
    for (i, letter) in letters.enumerated() {
      // A capital begins a word after a small letter or digit, or where it ends a run of capitals: useKLLoss, use_kl_loss.
      if letter.isUppercase, i > 0, letters[i - 1] != "_" {
        let nextIsSmall = i + 1 < letters.count && letters[i + 1].isLowercase
        if !letters[i - 1].isUppercase || nextIsSmall { result.append("_") }
      }
      result += letter.lowercased()
    }
    return result
  }

  func name(from key: String) -> String {
    guard self == .snakeCase else { return key }
    let words = key.split(separator: "_").map(String.init)
    guard let first = words.first else { return key }
    return first + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }
}

struct TreeKey: CodingKey {
  let stringValue: String
  let intValue: Int?
  init(stringValue: String) { (self.stringValue, intValue) = (stringValue, nil) }
  init(intValue: Int) { (stringValue, self.intValue) = ("\(intValue)", intValue) }
}
