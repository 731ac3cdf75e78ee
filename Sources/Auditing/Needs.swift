import Records

/// What a table cannot tell, and which array would.
struct Needs {
  private let audited: Audited
  private let record: AuditRecord

  init(_ audited: Audited, _ record: AuditRecord) {
    self.audited = audited
    self.record = record
  }

  private var names: [String] { audited.modalities }

  var untold: [AuditRecord.Untold] {
    guard names.count > 1 else {
      return [.init("modalities", why: "there is one modality, and nothing else to lean on")]
    }
    var found: [AuditRecord.Untold] = []
    let labels = audited.truth == nil ? ["labels"] : []
    let alone = names.map { "alone:\($0)" }.filter { audited.answers[$0] == nil }
    let without = names.filter { audited.present(audited.others($0)) == nil }.map { "missing:\($0)" }
    func add(_ measure: String, _ needs: [String], unless isThere: Bool) {
      if !isThere { found.append(.init(measure, needs: needs)) }
    }
    if !labels.isEmpty { found.append(.init("scores", needs: labels)) }
    add("routing", labels + alone, unless: record.routing != nil)
    add("cooperation", labels + singles, unless: record.cooperation != nil)
    add("utilisation", labels + without, unless: record.utilisation.count == names.count)
    add("shares", sets, unless: !record.shares.isEmpty)
    for name in names {
      let swap = record.swap[name]
      let array = ["swap:\(name):0", "swap:\(name):0:index"]
      if swap == nil {
        found.append(.init("swap.\(name)", needs: array))
      } else if !labels.isEmpty {
        found.append(.init("swap.\(name).drop", needs: labels))
      } else {
        if swap?.drop == nil { found.append(.init("swap.\(name).drop", needs: array)) }
        if swap?.follow == nil {
          found.append(
            .init("swap.\(name).follow", why: "no pair of rows of different labels has both sides right on their own"))
        } else if swap?.decidable == false {
          found.append(
            .init("swap.\(name).decidable", needs: names.map { "alone:\($0)" }.filter { audited.answers[$0] == nil }))
        }
      }
    }
    if record.emap == nil {
      found.append(
        names.count == 2
          ? .init("emap", needs: ["grid", "grid:index"])
          : .init("emap", needs: names.map { "grid:\($0)" } + ["grid:index", "grid:partners"]))
    }
    add("pid", labels + alone, unless: record.pid != nil)
    if let pid = record.pid, !pid.told {
      found.append(
        .init("pid.synergy", why: "too few rows, or no more than permuted labels show, so that it may be chance"))
    }
    if record.usable == nil {
      found.append(.init("usable", needs: labels))
    } else {
      add("usable.available", alone, unless: alone.isEmpty)
      add("usable.used", without, unless: without.isEmpty)
      add("usable.embedded", names.map { "probe:\($0)" }.filter { audited.answers[$0] == nil }, unless: probed)
      if record.usable?.calibrated == false {
        found.append(.init("usable.calibrated", needs: ["validation/labels", "validation/full"]))
      }
      let rest = names.map(audited.others).filter { audited.alone($0) == nil }
      if names.count > 2 { add("usable.extra", rest.map { "alone:\(joined($0))" }, unless: rest.isEmpty) }
    }
    if record.pointwise == nil {
      if let why = noPointwise {
        found.append(.init("pointwise", why: why))
      } else {
        let embeddings = names.filter { audited.table.embeddings[$0] == nil }.map { "embedding:\($0)" }
        found.append(.init("pointwise", needs: labels + alone + embeddings))
      }
    }
    return found.filter { !$0.needs.isEmpty || $0.why != nil }
  }

  /// Why bits of single samples cannot be told by any array.
  private var noPointwise: String? {
    if names.count != 2 { return "they are defined for two modalities" }
    if audited.table.severalLabels { return "they are defined for one label a sample" }
    let rows = audited.table.rows
    return rows < PointwiseBits.fewestRows
      ? "\(rows) rows are too few for a density; \(PointwiseBits.fewestRows) are needed" : nil
  }

  private var probed: Bool { names.allSatisfy { audited.answers["probe:\($0)"] != nil } }

  private func joined(_ set: Set<String>) -> String { names.filter(set.contains).joined(separator: "+") }

  /// Conditions with one modality there, that are not.
  private var singles: [String] { names.filter { audited.present([$0]) == nil }.map { "only:\($0)" } }

  /// Conditions with some modalities there, that are not.
  private var sets: [String] {
    guard names.count <= 10 else { return [] }
    return (1..<((1 << names.count) - 1)).compactMap { members in
      let present = Set(names.indices.filter { members >> $0 & 1 == 1 }.map { names[$0] })
      return audited.present(present) == nil ? "only:\(joined(present))" : nil
    }
  }
}
