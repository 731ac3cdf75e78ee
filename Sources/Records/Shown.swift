extension StringProtocol {
  /// The text as it may be shown on a terminal: whatever would steer it is written out, such as `\\u{1B}`.
  ///
  /// Line breaks and tabs stay. Names, texts and paths come from files that others wrote.
  package var escapedForTerminal: String {
    // The bytes that hidden characters begin with; most texts have none of them.
    guard
      utf8.contains(where: { $0 < 0x20 && $0 != 0x0A && $0 != 0x09 || [0x7F, 0xC2, 0xD8, 0xE2, 0xEF].contains($0) })
    else { return String(self) }
    var out = ""
    for scalar in unicodeScalars {
      if scalar.isHidden, scalar != "\n", scalar != "\t" {
        out += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  /// The text, with its middle left out where it has more bytes: names in a sentence may be of any length.
  package func clipped(_ most: Int = 4000) -> String {
    guard utf8.count > most else { return String(self) }
    let (head, tail) = (utf8.prefix(most / 2), utf8.suffix(most / 4))
    return "\(String(decoding: head, as: UTF8.self)) … \(String(decoding: tail, as: UTF8.self))"
  }
}

extension [String] {
  /// As a message lists them: the first so many, and `…` where there are more.
  package func listed(atMost most: Int) -> [String] { count > most ? Array(prefix(most)) + ["…"] : self }
}
