import Records
import Testing

@testable import Datasets

struct LabelCellTests {
  @Test(
    "lists are read in the spellings of JSON, Python and NumPy",
    arguments: [
      (#"["red", "even"]"#, ["red", "even"]), ("['red', 'even']", ["red", "even"]),
      ("['red' 'even']", ["red", "even"]),
      ("['it\\'s', \"a \\\"b\\\"\"]", ["it's", "a \"b\""]), ("('red', 'even')", ["red", "even"]),
      ("('red',)", ["red"]), ("{'red', 'even'}", ["red", "even"]), ("[]", []), ("set()", []),
      ("[1, 2]", ["1", "2"]), ("[1. 0. 0.]", ["1.0", "0.0", "0.0"]), ("[0 1 0]", ["0", "1", "0"]),
      ("[True, False]", ["true", "false"]), ("['a', None, nan]", ["a"]), ("array([0, 1], dtype=float32)", ["0", "1"]),
      ("tensor([0, 1])", ["0", "1"]), ("0,1,0", ["0", "1", "0"]), ("0 1 0", ["0", "1", "0"]),
      (#"["caf\u00e9"]"#, ["café"]), (#"['caf\xe9']"#, ["café"]), (" [ 'a' , 'b' ] ", ["a", "b"]),
    ])
  func lists(cell: String, labels: [String]) { #expect(LabelCell(cell) == .list(labels)) }

  @Test(
    "names stay as they are, brackets and all",
    arguments: [
      "[sad]", "[sad, happy]", "(blue)", "{x}", "(1)", "a,b", "red 0", "10", "1", "[", "]", "['a'", "[a 'b']", "it's",
      "['a' b]", "{}", "['a'] and more",
    ])
  func names(cell: String) { #expect(LabelCell(cell) == .text(cell)) }

  @Test("a missing value is none", arguments: ["", "  ", "nan", "None", "N/A"])
  func missing(cell: String) { #expect(LabelCell(cell) == .missing) }

  /// The labels that cells of a column have, and what is noted.
  private func column(_ cells: [String], separator: String = "") -> (labels: [[String]], notes: [String]) {
    let rows = PackedRows()
    for (number, cell) in cells.enumerated() {
      var row = RawRows.Row(number: number)
      row.read(label: .string(cell), isCell: true)
      rows.append(row)
    }
    let notes = rows.settleLabels(separator: separator)
    return (rows.map { $0.labels ?? [] }, notes)
  }

  @Test("a bar separates labels and that is said; without it the text is one name")
  func bars() {
    let (labels, notes) = column(["a|b", "c", "a"])
    #expect(labels == [["a", "b"], ["c"], ["a"]])
    #expect(notes.count == 1 && notes[0].hasPrefix("'|' separates labels: 1 row has several, as 'a|b'"))
    let (plain, silent) = column(["a|b", "c", "a"], separator: "none")
    #expect(plain == [["a|b"], ["c"], ["a"]] && silent.isEmpty)
  }

  @Test("a semicolon separates where what it separates occurs elsewhere, and is a sign of the name where it does not")
  func semicolons() {
    let (labels, notes) = column(["joy;anger", "joy", "anger; fear", "fear"])
    #expect(labels == [["joy", "anger"], ["joy"], ["anger", "fear"], ["fear"]])
    #expect(notes[0].hasPrefix("';' separates labels: 2 rows have several"))
    let (names, told) = column(["Health;Beauty", "Food", "Health;Beauty"])
    #expect(names == [["Health;Beauty"], ["Food"], ["Health;Beauty"]])
    #expect(told == ["the class 'Health;Beauty' is taken as one name; --label-separator ';' makes several of it"])
  }

  @Test("a comma separates where that is asked for, without brackets around it, and is offered where it seems meant")
  func commas() {
    let cells = ["joy, anger", "joy", "anger"]
    let (names, notes) = column(cells)
    #expect(names == [["joy, anger"], ["joy"], ["anger"]])
    #expect(notes == ["the class 'joy, anger' is taken as one name; --label-separator ',' makes several of it"])
    #expect(column(cells, separator: ",").labels == [["joy", "anger"], ["joy"], ["anger"]])
    #expect(column(["[joy, anger]", "[joy]"], separator: ",").labels == [["joy", "anger"], ["joy"]])
  }

  @Test("the same number in several spellings is one class, a code with zeros before it is not")
  func numbers() {
    let (labels, notes) = column(["0", "0.0", "1", "1.0", "1e0", "2.50"])
    #expect(labels == [["0"], ["0"], ["1"], ["1"], ["1"], ["2.50"]])
    #expect(notes == ["the same number in several spellings is one class: '0.0' is '0', '1.0' is '1', '1e0' is '1'"])
    #expect(column(["007", "7", "x"]).labels == [["007"], ["7"], ["x"]])
    #expect(column(["01", "1", "02"]).labels == [["1"], ["1"], ["02"]])
    #expect(column(["1.0", "2.0"]).labels == [["1.0"], ["2.0"]])
    #expect(column(["9007199254740993", "9007199254740992"]).labels.joined().count == 2)
  }

  @Test(
    "lists of 0 and 1 say of each class whether it is there, however they are written",
    arguments: [
      ["[0, 1, 0]", "[1, 0, 0]", "[0, 0, 1]"], ["0 1 0", "1 0 0", "0 0 1"], ["0|1|0", "1|0|0", "0|0|1"],
      ["[0. 1. 0.]", "[1. 0. 0.]", "[0. 0. 1.]"],
      ["[False, True, False]", "[True, False, False]", "[False, False, True]"],
      ["0;1;0", "1;0;0", "0;0;1"],
    ])
  func oneHot(cells: [String]) {
    let (labels, notes) = column(cells)
    #expect(labels == [["1"], ["0"], ["2"]])
    #expect(notes.contains("labels are lists of 0 and 1: the classes are named by their places, 0 to 2"))
  }

  @Test("of lists of 0 and 1 one of another length is its row's fault, and two classes are known too")
  func vectors() {
    let rows = PackedRows()
    for labels in [["1", "0", "1"], ["0", "0", "0"], ["0", "1"], ["cat"], ["0", "1", "1"], ["1", "0", "0"]] {
      var row = RawRows.Row(number: rows.count)
      row.labels = labels
      rows.append(row)
    }
    _ = rows.settleLabels(separator: "")
    #expect(rows.map(\.labels)[0] == ["0", "2"] && rows.map(\.labels)[1] == [])
    #expect(rows.map(\.fault)[2] == "its label is a list of 2 numbers, where other rows have 3")
    #expect(rows.map(\.fault)[3] == "its label is no list of 0 and 1, which other rows have")
    #expect(column(["[0, 1]", "[1, 0]"]).labels == [["1"], ["0"]])
    // Numbers of classes are no vectors.
    #expect(column(["[0]", "[1]", "[0, 1]", "[2]"]).labels == [["0"], ["1"], ["0", "1"], ["2"]])
  }

  @Test("a class that looks like a missing value is told")
  func alike() {
    #expect(column(["none", "cat"]).notes == ["the class 'none' looks like a missing value, and is taken as a class"])
  }
}
