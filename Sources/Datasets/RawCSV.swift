/// Comma-separated text, taken apart byte by byte.
///
/// RFC 4180 and what is found in the wild: any line ending, a byte-order mark, quotes inside unquoted fields, blank lines.
/// Reading bytes rather than characters keeps the line number of every record, keeps bytes that are no UTF-8 with
/// their record, and keeps a combining mark from swallowing the comma before it.
struct RawCSV {
  struct Record {
    /// Where it begins; 1 is the first line.
    let line: Int
    var fields: [[UInt8]]
    /// Why its fields cannot be trusted.
    var fault: String?
  }

  let records: [Record]
  /// Where a quote was opened that nothing closes.
  let unclosedQuote: Int?

  init(_ bytes: some IndexedBytes, delimiter: UInt8) {
    var found: [Record] = []
    unclosedQuote = Self.read(bytes, delimiter: delimiter) { found.append($0) }
    records = found
  }

  /// Hands over one record after the other, so that nobody need hold all of them; the line of a quote that nothing closes.
  ///
  /// - Parameters:
  ///   - hasQuotes: whether a quote at the beginning of a field encloses it, or is a sign of the text.
  ///   - limit: no more records than so many.
  static func read(
    _ bytes: some IndexedBytes, delimiter: UInt8, hasQuotes: Bool = true, limit: Int = .max, _ body: (Record) -> Void
  ) -> Int? {
    let quote = UInt8(ascii: "\"")
    var given = 0
    let (cr, lf) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
    var line = 1
    var record = Record(line: 1, fields: [])
    var field: [UInt8] = []
    var index = 0

    func endsLine(_ byte: UInt8, at position: Int) -> Bool {
      byte == lf || (byte == cr && (position + 1 >= bytes.count || bytes[position + 1] != lf))
    }
    func endField() {
      record.fields.append(field)
      field.removeAll(keepingCapacity: true)
    }
    func endRecord() {
      endField()
      if record.fields.count > 1 || !record.fields[0].allSatisfy({ $0 == 32 || $0 == 9 }) || record.fault != nil {
        body(record)
        given += 1
      }
      record = Record(line: line, fields: [])
    }

    while index < bytes.count, given < limit {
      let byte = bytes[index]
      if byte == quote, hasQuotes, field.isEmpty {
        let opened = line
        var closed = false
        index += 1
        while index < bytes.count {
          let inside = bytes[index]
          if inside == quote {
            if index + 1 < bytes.count, bytes[index + 1] == quote {
              index += 1
            } else {
              closed = true
              index += 1
              break
            }
          }
          if endsLine(inside, at: index) { line += 1 }
          field.append(inside)
          index += 1
        }
        guard closed else {
          return opened
        }
        while index < bytes.count, bytes[index] != delimiter, bytes[index] != cr, bytes[index] != lf {
          if bytes[index] != 32, bytes[index] != 9 {
            record.fault = record.fault ?? "text after the quote that closes a field"
          }
          index += 1
        }
        // An empty quoted field must not be taken for the start of another.
        if index < bytes.count, bytes[index] == delimiter {
          endField()
          index += 1
          if index == bytes.count { endRecord() }
        } else if index >= bytes.count {
          endRecord()
        }
        continue
      }
      if byte == delimiter {
        endField()
      } else if endsLine(byte, at: index) {
        line += 1
        endRecord()
      } else if byte != cr {
        field.append(byte)
      }
      index += 1
      if index == bytes.count, !record.fields.isEmpty || !field.isEmpty { endRecord() }
    }
    return nil
  }

  /// The separator that a header line uses: the one of comma, semicolon and tab that occurs most outside quotes.
  static func delimiter(of bytes: some IndexedBytes) -> UInt8 {
    var counts: [UInt8: Int] = [:]
    var quoted = false
    for place in 0..<bytes.count {
      let byte = bytes[place]
      if byte == UInt8(ascii: "\"") { quoted.toggle() }
      if !quoted, byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { break }
      if !quoted { counts[byte, default: 0] += 1 }
    }
    var best = UInt8(ascii: ",")
    for other in [UInt8(ascii: ";"), UInt8(ascii: "\t")] where counts[other, default: 0] > counts[best, default: 0] {
      best = other
    }
    return best
  }
}
