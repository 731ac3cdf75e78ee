extension StringProtocol {
  /// The text as one word of a POSIX shell's command line: as it is where it is plain, else in single quotes.
  package var shellQuoted: String {
    // A tilde is left out: the shell puts the home folder in its place.
    let isPlain = allSatisfy { $0.isLetter || $0.isNumber || "/._-+@%,:=".contains($0) }
    return isPlain && !isEmpty ? String(self) : "'" + String(self).replacing("'", with: "'\\''") + "'"
  }
}
