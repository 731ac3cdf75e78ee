public import Multimodal

/// Letters mistyped: struck on a neighbouring key, left out, doubled or exchanged with the next, each equally likely.
///
/// Keys are those of a QWERTY keyboard; a letter that has none there is doubled instead. A letter without another after it
/// is left out instead of exchanged. A text that would be left without anything stays as it is.
public struct TypingErrors: RawImpairment, Equatable {
  /// The probability that a letter is mistyped, in 0…1.
  public let ratio: Double

  public init(ratio: Double = 0.1) {
    self.ratio = ratio
  }

  public var kind: RawInput.Kind { .text }

  /// The mistyped text; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .text(let text) = input else { return input }
    return .text(impaired(text, using: &numbers))
  }

  /// The mistyped text.
  public func impaired(_ text: String, using numbers: inout SeededNumbers) -> String {
    let letters = Array(text)
    var typed: [Character] = []
    var place = 0
    while place < letters.count {
      let letter = letters[place]
      place += 1
      guard letter.isLetter, numbers.chance(ratio) else {
        typed.append(letter)
        continue
      }
      switch numbers.uniform(below: 4) {
      case 0:
        if let neighbour = Self.neighbour(of: letter, using: &numbers) {
          typed.append(neighbour)
        } else {
          typed += [letter, letter]
        }
      case 1: break
      case 2: typed += [letter, letter]
      default:
        guard place < letters.count, letters[place].isLetter else { break }
        typed += [letters[place], letter]
        place += 1
      }
    }
    return typed.allSatisfy(\.isWhitespace) ? text : String(typed)
  }

  private static let keyboard = ["qwertyuiop", "asdfghjkl", "zxcvbnm"].map { Array($0) }

  /// The keys around each key: left, right, and in the rows above and below.
  private static let neighbours: [Character: [Character]] = {
    var neighbours: [Character: [Character]] = [:]
    for (row, keys) in keyboard.enumerated() {
      for (place, key) in keys.enumerated() {
        // Each row is set off by half a key.
        let around = [
          (row, place - 1), (row, place + 1), (row - 1, place), (row - 1, place + 1), (row + 1, place - 1),
          (row + 1, place),
        ]
        neighbours[key] = around.compactMap { row, place in
          keyboard.indices.contains(row) && keyboard[row].indices.contains(place) ? keyboard[row][place] : nil
        }
      }
    }
    return neighbours
  }()

  /// One of the keys around a letter's, as large a letter; nil for a letter that has no key.
  private static func neighbour(of letter: Character, using numbers: inout SeededNumbers) -> Character? {
    guard let small = letter.lowercased().first, let around = neighbours[small] else { return nil }
    let key = around[numbers.uniform(below: around.count)]
    return letter.isUppercase ? Character(key.uppercased()) : key
  }
}
