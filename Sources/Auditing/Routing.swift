import Records

/// The routing table: rows by which of the models of one modality are right, and how often the audited model is right there.
///
/// Where exactly one is, a model that trusts the right one is right. A lop-sided pair of numbers is the plainest sign of
/// leaning. (Used in the analysis of MCR, arXiv 2411.07335; its ceiling counts what no modality tells alone as the model
/// does.)
struct Routing {
  private let places: [Int]
  private let right: [Bool]
  private let perRow: Int
  private let names: [String]

  /// nil where a model of one modality is missing, or there are no labels.
  init?(_ audited: Audited) {
    let names = audited.modalities
    self.names = names
    let alone = names.compactMap { audited.right("alone:\($0)") }
    guard names.count > 1, alone.count == names.count, let right = audited.right(PredictionTable.full) else {
      return nil
    }
    self.right = right
    perRow = audited.perRow
    let (all, some, none) = (names.count, names.count + 1, names.count + 2)
    places = right.indices.map { decision in
      let hits = alone.indices.filter { alone[$0][decision] }
      if hits.count == names.count { return all }
      return hits.count == 1 ? hits[0] : hits.isEmpty ? none : some
    }
  }

  var measure: Measure { Measure { values($0) } }

  func values(_ weights: [Double]) -> [String: Double] {
    var shares = [Double](repeating: 0, count: names.count + 3)
    var hits = shares
    for (decision, place) in places.enumerated() {
      let weight = weights[decision / perRow]
      shares[place] += weight
      if right[decision] { hits[place] += weight }
    }
    let total = shares.reduce(0, +)
    guard total > 0 else { return [:] }
    var out: [String: Double] = [:]
    func add(_ key: String, _ place: Int) {
      out["routing.\(key).share"] = shares[place] / total
      if shares[place] > 0 { out["routing.\(key).right"] = hits[place] / shares[place] }
    }
    for (place, name) in names.enumerated() { add("only.\(name)", place) }
    add("both", names.count)
    if names.count > 2 { add("some", names.count + 1) }
    add("neither", names.count + 2)
    let rights = names.compactMap { out["routing.only.\($0).right"] }
    if rights.count == names.count {
      out["routing.lean"] = names.count == 2 ? rights[1] - rights[0] : (rights.max() ?? 0) - (rights.min() ?? 0)
    }
    let found = out
    addLeads("routing", names, to: &out) { found["routing.only.\($0).right"] }
    let none = names.count + 2
    out["routing.ceiling"] = (total - shares[none] + hits[none]) / total
    return out
  }

  static func record(_ values: [String: Double], _ names: [String]) -> AuditRecord.Routing? {
    func share(_ key: String) -> AuditRecord.Share? {
      values["routing.\(key).share"].map { AuditRecord.Share(share: $0, right: values["routing.\(key).right"]) }
    }
    guard let both = share("both"), let neither = share("neither"), let ceiling = values["routing.ceiling"] else {
      return nil
    }
    return AuditRecord.Routing(
      both: both, only: byName(names) { share("only.\($0)") }, some: share("some"), neither: neither,
      lean: values["routing.lean"], ceiling: ceiling)
  }
}

/// A table by name, without what has no value.
func byName<Value>(_ names: [String], _ value: (String) -> Value?) -> [String: Value] {
  Dictionary(names.compactMap { name in value(name).map { (name, $0) } }, uniquingKeysWith: { first, _ in first })
}

/// Adds, for each modality, how far its number is above the mean of the others'; nothing where one has none.
func addLeads(
  _ measure: String, _ names: [String], scale: Double = 1, to out: inout [String: Double], _ value: (String) -> Double?
) {
  let values = names.compactMap(value)
  guard values.count == names.count, names.count > 1 else { return }
  let total = values.reduce(0, +)
  for (name, own) in zip(names, values) {
    out["leaning.\(measure).\(name)"] = scale * (own - (total - own) / Double(names.count - 1))
  }
}
