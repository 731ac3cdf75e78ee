import Records

/// What the names in a column of splits mean.
struct SplitNames {
  private var meanings: [String: RawSplit] = [:]

  /// - Parameter setting: `train=0+1,validation=2,test=3`; empty knows the usual names.
  /// - Throws: a `Diagnosis` where it makes no sense.
  init(_ setting: String) throws {
    for word in setting.split(separator: ",") {
      let parts = word.split(separator: "=", maxSplits: 1).map { RawRows.trimmed(String($0)) }
      guard parts.count == 2, let split = RawSplit(named: parts[0]) else {
        throw Diagnosis(
          "'\(word)' is not split=name", place: "--split-names",
          remedy: "--split-names train=0+1+2,validation=3,test=4",
          exitStatus: .usage)
      }
      for name in parts[1].split(separator: "+") { meanings[RawRows.trimmed(String(name)).lowercased()] = split }
    }
  }

  /// Takes 0, 1 and 2 as `seesaw import` takes them; a note of it, or what is wrong with other numbers.
  mutating func settle(_ found: Set<String>) -> (note: String?, fault: RawDatasetFault?) {
    let open = found.filter { self[$0] == nil }
    guard !open.isEmpty, open.allSatisfy({ Double($0) != nil }) else { return (nil, nil) }
    let numbers = Dictionary(open.map { ($0, Double($0) ?? -1) }, uniquingKeysWith: { first, _ in first })
    let values = Set(numbers.values)
    guard values.isSubset(of: [0, 1, 2]), values.isSuperset(of: [0, 2]), meanings.isEmpty else {
      return (nil, .numberedSplits(open.sorted { (numbers[$0] ?? 0, $0) < (numbers[$1] ?? 0, $1) }))
    }
    for (name, value) in numbers {
      meanings[name.lowercased()] = value == 0 ? .train : value == 1 ? .validation : .test
    }
    return (
      "the splits 0, 1 and 2 are taken for training, validation and testing; --split-names says it otherwise", nil
    )
  }

  subscript(name: String) -> RawSplit? { meanings[name.lowercased()] ?? RawSplit(named: name) }
}
