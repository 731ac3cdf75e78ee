/// Decimal fractions as programs write them, read to the nearest number.
enum DecimalNumber {
  private static let exactPowers: [Double] = (0...22).reduce(into: [1.0]) { powers, n in
    if n > 0 { powers.append(powers[n - 1] * 10) }
  }
  private static let wholePowers: [UInt64] = (0...19).reduce(into: [1]) { powers, n in
    if n > 0 { powers.append(powers[n - 1] * 10) }
  }

  /// The number nearest to `-12.5e-3`, ties to even, which begins at `at`; `at` then is behind it.
  ///
  /// Nil, and `at` stays, where the text has neither a fraction nor an exponent, is in another notation, or has more digits
  /// than 64 bits hold: then another way has to be found.
  static func nearest(_ text: UnsafeBufferPointer<UInt8>, at: inout Int) -> Double? {
    guard let bytes = text.baseAddress else { return nil }
    let end = text.count
    var place = at
    let isNegative = place < end && bytes[place] == UInt8(ascii: "-")
    if isNegative { place += 1 }
    var digits: UInt64 = 0
    var begin = place
    read(bytes, &place, end, into: &digits)
    guard place > begin else { return nil }
    // Zeros before the first digit that counts need no room.
    var count = digits == 0 ? 0 : place - begin
    var exponent = 0
    var isWhole = true
    if place < end, bytes[place] == UInt8(ascii: ".") {
      place += 1
      begin = place
      if digits == 0 { while place < end, bytes[place] == UInt8(ascii: "0") { place += 1 } }
      let zeros = place - begin
      read(bytes, &place, end, into: &digits)
      guard place > begin else { return nil }
      exponent = begin - place
      count += place - begin - zeros
      isWhole = false
    }
    guard count <= 19 else { return nil }
    if place < end, bytes[place] | 0x20 == UInt8(ascii: "e") {
      place += 1
      let isBelow = place < end && bytes[place] == UInt8(ascii: "-")
      if isBelow || (place < end && bytes[place] == UInt8(ascii: "+")) { place += 1 }
      begin = place
      var power: UInt64 = 0
      read(bytes, &place, end, into: &power)
      guard (1...3).contains(place - begin) else { return nil }
      exponent += isBelow ? -Int(power) : Int(power)
      isWhole = false
    }
    guard !isWhole, let size = nearest(digits, timesTenTo: exponent) else { return nil }
    at = place
    return isNegative ? -size : size
  }

  /// Appends the digits at `place` to `digits`, which may overflow, and goes behind them.
  @inline(__always)
  private static func read(
    _ bytes: UnsafePointer<UInt8>, _ place: inout Int, _ end: Int, into digits: inout UInt64
  ) {
    while place + 8 <= end, let eight = eightDigits(bytes + place) {
      digits = digits &* 100_000_000 &+ eight
      place += 8
    }
    while place < end {
      let digit = bytes[place] &- UInt8(ascii: "0")
      guard digit < 10 else { return }
      digits = digits &* 10 &+ UInt64(digit)
      place += 1
    }
  }

  /// The value of eight bytes that are digits all; else nil.
  @inline(__always)
  private static func eightDigits(_ bytes: UnsafePointer<UInt8>) -> UInt64? {
    // The first digit is in the lowest byte.
    let text = UInt64(littleEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self))
    let high: UInt64 = 0xF0F0_F0F0_F0F0_F0F0
    let zeros: UInt64 = 0x3030_3030_3030_3030
    // A digit is 0x30 to 0x39: six more keep the high half.
    guard text & high == zeros, (text &+ 0x0606_0606_0606_0606) & high == zeros else { return nil }
    var value = text &- zeros
    // Neighbours make pairs in every second byte, pairs make fours, and fours the whole.
    value = value &* 10 &+ value >> 8
    let pairs: UInt64 = 0x0000_00FF_0000_00FF
    let first = (value & pairs) &* (100 &+ 1_000_000 << 32)
    let second = (value >> 16 & pairs) &* (1 &+ 10_000 << 32)
    return (first &+ second) >> 32
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
