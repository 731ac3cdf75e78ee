/// Decimal fractions as programs write them, read to the nearest number.
enum DecimalNumber {
  private static let exactPowers: [Double] = (0...22).reduce(into: [1.0]) { powers, n in
    if n > 0 { powers.append(powers[n - 1] * 10) }
  }
  private static let wholePowers: [UInt64] = (0...19).reduce(into: [1]) { powers, n in
    if n > 0 { powers.append(powers[n - 1] * 10) }
  }

  /// The number nearest to `-12.5e-3`, ties to even; nil where the text has neither a fraction nor an exponent, is in another
  /// notation, or has more digits than 64 bits hold: then another way has to be found.
  static func nearest(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Double? {
    var at = text.startIndex
    let end = text.endIndex
    let isNegative = at < end && text[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    var digits: UInt64 = 0
    var significant = 0
    /// Reads digits, and says how many there are.
    func run() -> Int {
      let begin = at
      while at < end {
        let digit = text[at] &- UInt8(ascii: "0")
        guard digit < 10 else { break }
        // Overflow is found below.
        digits = digits &* 10 &+ UInt64(digit)
        if significant > 0 || digit > 0 { significant += 1 }
        at += 1
      }
      return at - begin
    }
    guard run() > 0 else { return nil }
    var exponent = 0
    var isWhole = true
    if at < end, text[at] == UInt8(ascii: ".") {
      at += 1
      let places = run()
      guard places > 0 else { return nil }
      exponent = -places
      isWhole = false
    }
    guard significant <= 19 else { return nil }
    if at < end, text[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      let isBelow = at < end && text[at] == UInt8(ascii: "-")
      if isBelow || (at < end && text[at] == UInt8(ascii: "+")) { at += 1 }
      guard at < end, end - at <= 3 else { return nil }
      var power = 0
      while at < end {
        let digit = text[at] &- UInt8(ascii: "0")
        guard digit < 10 else { return nil }
        power = power * 10 + Int(digit)
        at += 1
      }
      exponent += isBelow ? -power : power
      isWhole = false
    }
    guard at == end, !isWhole, let size = nearest(digits, timesTenTo: exponent) else { return nil }
    return isNegative ? -size : size
  }

  private static func nearest(_ digits: UInt64, timesTenTo exponent: Int) -> Double? {
    guard digits > 0 else { return 0 }
    // Both sides are exact, so that one operation rounds once (Clinger, "How to Read Floating Point Numbers Accurately",
    // PLDI 1990).
    if digits < 1 << 53, abs(exponent) <= 22 {
      return exponent < 0 ? Double(digits) / exactPowers[-exponent] : Double(digits) * exactPowers[exponent]
    }
    guard exponent < 0, exponent >= -19 else { return nil }
    return quotient(digits, wholePowers[-exponent])
  }

  /// n/d to the nearest number: 64 bits of it by division, and whether anything remains.
  private static func quotient(_ n: UInt64, _ d: UInt64) -> Double {
    // Both begin with a one now, and n/d lies between 1/2 and 2.
    let (up, down) = (n.leadingZeroBitCount, d.leadingZeroBitCount)
    let (top, divisor) = (n << up, d << down)
    let isLarge = top >= divisor
    // n/d = q / 2⁶⁴ · 2^(down − up), or / 2⁶³ where the dividend was halved to be less than the divisor.
    let (q, rest) = divisor.dividingFullWidth(isLarge ? (top >> 1, top << 63) : (top, 0))
    let (kept, cut) = (q >> 11, q & 0x7FF)
    let isUp = cut > 0x400 || (cut == 0x400 && (rest > 0 || kept & 1 == 1))
    let power = 11 + down - up - (isLarge ? 63 : 64)
    return Double(sign: .plus, exponent: power, significand: Double(kept + (isUp ? 1 : 0)))
  }
}
