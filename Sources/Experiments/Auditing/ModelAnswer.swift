import Foundation
import Records

/// In which form a model says how sure it is of each class.
package enum AnswerForm: Int, Sendable {
  case probabilities = 1
  case logits = 2
  /// The class alone.
  case label = 3

  var words: String {
    switch self {
    case .probabilities: "probabilities"
    case .logits: "logits"
    case .label: "a label alone"
    }
  }
}

/// Scores of all classes, in their order.
package struct ModelScores: Sendable, Equatable {
  package var form: AnswerForm
  package var values: [Double]

  package init(form: AnswerForm, values: [Double]) {
    self.form = form
    self.values = values
  }
}

/// Classes by name, and whether a sample may have several.
package struct AnswerClasses: Sendable {
  let names: [String]
  let isMultiLabel: Bool
  private let places: [String: Int]

  package init(_ names: [String], isMultiLabel: Bool) {
    self.names = names
    self.isMultiLabel = isMultiLabel
    places = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  var count: Int { names.count }

  func place(of name: String) throws -> Int {
    if let place = places[name] { return place }
    throw Diagnosis(
      "the answer names the class '\(name.escapedForTerminal.clipped(60))', and the data has none of that name",
      found: ["there are " + names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", …" : "")],
      remedy: nearest(to: name, in: names).map { "did you mean '\($0)'?" }
        ?? "name all classes of the model in its order:  --classes a,b,c")
  }

  /// How far the sum of probabilities may be from one.
  static let tolerance = 1e-3

  /// The scores, where they can be such.
  ///
  /// - Throws: a `Diagnosis` that says what is wrong with them.
  func checked(_ values: [Double], _ form: AnswerForm) throws -> ModelScores {
    guard values.count == count else {
      throw Diagnosis(
        "the answer has \(values.count) \(form.words), and there are \(count) classes",
        remedy: "name all classes of the model in its order:  --classes a,b,c")
    }
    guard values.allSatisfy(\.isFinite) else {
      throw Diagnosis("the answer holds a number that is not finite (NaN or infinite)")
    }
    guard form == .probabilities else { return ModelScores(form: form, values: values) }
    if let wrong = values.first(where: { $0 < -Self.tolerance || $0 > 1 + Self.tolerance }) {
      throw Diagnosis(
        "the answer holds \(wrong), which is no probability", remedy: "answer with 'logits' if that is what they are")
    }
    let sum = values.reduce(0, +)
    guard isMultiLabel || abs(sum - 1) <= Self.tolerance else {
      throw Diagnosis(
        "the probabilities of the answer have the sum \(sum), not 1",
        remedy: "answer with 'logits' if that is what they are")
    }
    return ModelScores(form: form, values: values)
  }
}

/// A line that a program answered with.
package struct ModelAnswer {
  /// Of the request.
  package let id: String
  package let scores: ModelScores

  /// The longest line in bytes.
  static let longest = LineReader.limit

  /// Reads `{"id": …, "probabilities": [p, …] or {class: p, …}}`, or with `logits` or `label`.
  ///
  /// - Throws: a `Diagnosis` of what is wrong with the line.
  package init(_ line: UnsafeRawBufferPointer, _ classes: AnswerClasses) throws {
    if let plain = PlainAnswer(line) {
      id = plain.id
      scores = try classes.checked(plain.values, plain.form)
      return
    }
    guard let text = String(validating: line, as: UTF8.self) else { throw Diagnosis("the line is not UTF-8 text") }
    let tree: Tree
    do { tree = try Tree(json: text, keepsDigits: true) } catch {
      throw Diagnosis("the line is not JSON", found: ["'\(text.escapedForTerminal.clipped(120))'"])
    }
    guard let table = tree.tableValue else {
      throw Diagnosis("the line is not a JSON object", found: ["'\(text.escapedForTerminal.clipped(120))'"])
    }
    guard let id = PredictionInput.id(ofLine: tree) else {
      throw Diagnosis("the answer has no 'id'", found: ["'\(text.escapedForTerminal.clipped(120))'"])
    }
    self.id = id
    if let said = table["error"]?.stringValue {
      throw Diagnosis("the program answered with an error", found: [said.escapedForTerminal.clipped(400)])
    }
    let given = ["probabilities", "logits", "label"].filter { table[$0] != nil && table[$0] != .null }
    guard let key = given.first, given.count == 1 else {
      throw Diagnosis(
        given.isEmpty
          ? "the answer has neither 'probabilities' nor 'logits' nor 'label'"
          : "the answer has \(given.joined(separator: " and ")), where one is enough",
        found: given.isEmpty ? ["it has " + table.keys.sorted().prefix(12).joined(separator: ", ")] : [])
    }
    let value = table[key] ?? .null
    switch key {
    case "label": scores = try Self.scores(ofLabel: value, classes)
    default:
      scores = try classes.checked(
        Self.values(value, key, classes), key == "logits" ? .logits : .probabilities)
    }
  }

  private static func values(_ tree: Tree, _ key: String, _ classes: AnswerClasses) throws -> [Double] {
    func number(_ tree: Tree) throws -> Double {
      if tree == .null { return .nan }
      guard let number = tree.numberValue else { throw Diagnosis("'\(key)' holds \(tree.described), not a number") }
      return number
    }
    if let list = tree.listValue { return try list.map(number) }
    guard let table = tree.tableValue else {
      throw Diagnosis("'\(key)' is neither a list of numbers nor a table of class and number")
    }
    var values = [Double](repeating: .nan, count: classes.count)
    for (name, tree) in table.sorted(by: { $0.key < $1.key }) { values[try classes.place(of: name)] = try number(tree) }
    let without = classes.names.filter { table[$0] == nil }
    guard without.isEmpty else {
      throw Diagnosis(
        "'\(key)' has no number for \(without.count) of the \(classes.count) classes",
        found: [without.prefix(12).joined(separator: ", ")])
    }
    return values
  }

  private static func scores(ofLabel tree: Tree, _ classes: AnswerClasses) throws -> ModelScores {
    var values = [Double](repeating: 0, count: classes.count)
    let labels = classes.isMultiLabel ? tree.listValue ?? [tree] : [tree]
    for label in labels {
      switch label {
      case .string(let name): values[try classes.place(of: name)] = 1
      case .int(let number) where classes.names.contains("\(number)"): values[try classes.place(of: "\(number)")] = 1
      case .int(let number) where classes.names.indices.contains(number): values[number] = 1
      default: throw Diagnosis("'label' is \(label.described), not the name or the number of a class")
      }
    }
    return ModelScores(form: .label, values: values)
  }
}

/// The plainest form of an answer, `{"id":"7","probabilities":[0.1,0.9]}`, read without a tree: most lines are such, and
/// there are many.
private struct PlainAnswer {
  var id = ""
  var values: [Double] = []
  var form = AnswerForm.probabilities

  /// Nil for a line of any other form, whatever it is worth.
  init?(_ line: UnsafeRawBufferPointer) {
    var at = 0
    func space() { while at < line.count, line[at] == 0x20 || line[at] == 0x09 || line[at] == 0x0D { at += 1 } }
    func take(_ letter: Character) -> Bool {
      space()
      guard at < line.count, line[at] == letter.asciiValue else { return false }
      at += 1
      return true
    }
    func word() -> String? {
      guard take("\"") else { return nil }
      let start = at
      while at < line.count, line[at] != UInt8(ascii: "\"") {
        guard line[at] != UInt8(ascii: "\\"), (0x20..<0x7F).contains(line[at]) else { return nil }
        at += 1
      }
      guard at < line.count else { return nil }
      defer { at += 1 }
      return String(decoding: line[start..<at], as: UTF8.self)
    }
    func number() -> Double? {
      space()
      let start = at
      while at < line.count, at - start < 40 {
        switch line[at] {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
          UInt8(ascii: "e"), UInt8(ascii: "E"):
          at += 1
          continue
        default: break
        }
        break
      }
      guard at > start, line[start] != UInt8(ascii: "+"), line[start] != UInt8(ascii: ".") else { return nil }
      return Double(Substring(decoding: line[start..<at], as: UTF8.self))
    }
    guard take("{"), word() == "id", take(":") else { return nil }
    space()
    if at < line.count, line[at] == UInt8(ascii: "\"") {
      guard let word = word() else { return nil }
      id = word
    } else {
      let start = at
      while at < line.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(line[at]) { at += 1 }
      guard at > start, at - start < 19 else { return nil }
      id = String(decoding: line[start..<at], as: UTF8.self)
    }
    guard take(","), let key = word(), take(":") else { return nil }
    switch key {
    case "probabilities": form = .probabilities
    case "logits": form = .logits
    default: return nil
    }
    guard take("[") else { return nil }
    while true {
      guard let value = number(), value.isFinite else { return nil }
      values.append(value)
      if take("]") { break }
      guard take(",") else { return nil }
    }
    guard take("}") else { return nil }
    space()
    guard at == line.count else { return nil }
  }
}
