/// What an audit's numbers support, one rule each.
///
/// The rules stand in Documentation/audit.md, their thresholds here.
public enum AuditFinding: Hashable, Sendable {
  // What the data hold.
  /// Models of this modality alone find the label in it.
  case informative(String)
  /// Such a model finds next to nothing.
  case uninformative(String)
  /// It holds what the others do not.
  case unique(String)
  /// Several hold the same.
  case redundant
  /// Some is only in their combination.
  case onlyTogether

  // What the model takes.
  /// It is not better than a constant prediction beyond noise.
  case learnedNothing
  /// It leans on this one, by the first measure that can tell.
  case leans(String, by: Measure)
  /// By that measure it leans on none by more than a little.
  case even(by: Measure)
  /// Its answers hardly change with this one.
  case ignores(String)
  /// It does better than the sum of what each modality says.
  case combines
  /// It does as well as that sum.
  case addsUp
  /// It is such a sum by construction.
  case cannotCombine

  // Where it is lost.
  /// What this one alone holds is mostly not taken.
  case unused(String)
  /// It does not reach the model's embedding.
  case lostInEncoder(String)
  /// The embedding holds it, and what follows does not take it.
  case lostInHead(String)
  /// What only the combination holds cannot be taken.
  case lostInFusion

  /// One measure says this modality comes first, another that one.
  case disagreement(Measure, String, Measure, String)

  /// A measure of which modality comes first.
  public enum Measure: String, SettingChoice {
    case conflict, routing, swap, variance, missing, shares, divergence

    /// A lead below this is not worth a sentence, however sure it is.
    public var smallest: Double {
      switch self {
      case .swap, .missing, .divergence: ModelDiagnosis.smallestDifference
      case .conflict, .routing, .variance, .shares: 0.1
      }
    }
  }
}

extension AuditRecord {
  /// Bits below this are not worth a sentence.
  public static let fewBits = 0.02
  /// Below this many bits, by the whole interval, next to nothing is there.
  public static let nextToNothing = 0.05
  /// A divergence below this, by the whole interval, is that of a model that does not look.
  public static let unmoved = 0.005
  /// Of what a modality alone holds, less than this is taken where it lies unused.
  public static let takenShare = 0.5
  /// Fewer disagreeing pairs say too little.
  public static let fewestPairs = 20

  /// What the numbers support, in the order of the answer: data, model, place.
  public var findings: [AuditFinding] { data + model + place + disagreements }

  /// The measures of what comes first, the most direct first; those that can tell.
  public var leadingMeasures: [(measure: AuditFinding.Measure, lead: Estimate, modality: String)] {
    AuditFinding.Measure.allCases.compactMap { measure in
      guard let found = leaning[measure.rawValue], interval95["leaning.\(measure.rawValue)"] != nil else { return nil }
      if measure == .conflict, (swap.values.map { $0.pairs ?? 0 }.min() ?? 0) < Self.fewestPairs { return nil }
      return (
        measure, Estimate(found.by, interval95: interval95["leaning.\(measure.rawValue)"]), found.modality
      )
    }
  }

  /// The modality that is leaned on least, by the first measure that can tell of two; nil where none can.
  public var weakest: String? {
    guard modalities.count == 2, let first = leadingMeasures.first else { return nil }
    return modalities.first { $0 != first.modality }
  }

  public func usableEstimate(_ key: String, _ name: String) -> Estimate? {
    guard let usable else { return nil }
    let table =
      switch key {
      case "available": usable.available
      case "extra": usable.extra
      case "used": usable.used
      case "usedShare": usable.usedShare
      case "embedded": usable.embedded
      default: usable.lostInEncoder
      }
    return estimate("usable.\(key).\(name)", table[name])
  }

  private var data: [AuditFinding] {
    var found: [AuditFinding] = []
    for name in modalities {
      if let bits = usableEstimate("available", name) {
        if bits.isAbove(0), bits.value >= Self.fewBits {
          found.append(.informative(name))
        } else if bits.isBelow(Self.nextToNothing) {
          found.append(.uninformative(name))
        }
      }
    }
    if let pid {
      for name in modalities {
        let bound = max(Self.fewBits, pid.chance[name] ?? 0)
        if let own = estimate("pid.unique.\(name)", pid.unique[name]), own.isAbove(bound) {
          found.append(.unique(name))
        }
      }
      let bound = max(Self.fewBits, pid.chance["redundant"] ?? 0)
      if let shared = estimate("pid.redundant", pid.redundant), shared.isAbove(bound) { found.append(.redundant) }
    }
    let told = (pid?.synergy ?? 0) >= Self.fewBits
    // More in all than in each, added up, of a model that knows something.
    let beyond = estimate("usable.beyond", usable?.beyond)?.isAbove(Self.fewBits) ?? false
    let knows = estimate("usable.together", usable?.together)?.isAbove(Self.fewBits) ?? false
    if told || beyond && knows { found.append(.onlyTogether) }
    return found
  }

  private var model: [AuditFinding] {
    var found: [AuditFinding] = []
    let learned = estimate("aboveChance", aboveChance)
    // Without labels nobody knows.
    let knows = learned?.isAbove(0) ?? true
    if !knows { found.append(.learnedNothing) }
    if knows, let first = leadingMeasures.first {
      if first.lead.isAbove(0), first.lead.value >= first.measure.smallest {
        found.append(.leans(first.modality, by: first.measure))
      } else if let interval = first.lead.interval95,
        max(abs(interval.low), abs(interval.high)) <= 2 * first.measure.smallest
      {
        found.append(.even(by: first.measure))
      }
    }
    for name in modalities {
      let moved = estimate("swap.\(name).divergence", swap[name]?.divergence)
      // Where answers are nearly even, what hardly moves them may still turn them.
      let turned = estimate("swap.\(name).drop", swap[name]?.drop).map {
        !$0.isBelow(ModelDiagnosis.smallestDifference)
      }
      if moved?.isBelow(Self.unmoved) ?? false, turned != true { found.append(.ignores(name)) }
    }
    if let emap {
      if emap.byConstruction {
        found.append(.cannotCombine)
      } else if knows, let gap = estimate("emap.gap", emap.gap), let interval = gap.interval95 {
        if gap.isAbove(0), gap.value >= ModelDiagnosis.smallestDifference {
          found.append(.combines)
        } else if max(abs(interval.low), abs(interval.high)) <= 2 * ModelDiagnosis.smallestDifference {
          found.append(.addsUp)
        }
      }
    }
    return found
  }

  private var place: [AuditFinding] {
    let data = data
    var found: [AuditFinding] = []
    for name in modalities where data.contains(.unique(name)) {
      guard let own = pid?.unique[name], isUnused(name, of: own) else { continue }
      found.append(.unused(name))
      guard let available = usableEstimate("available", name), let embedded = usableEstimate("embedded", name),
        available.value > 0
      else { continue }
      let lost = usableEstimate("lostInEncoder", name)
      if let lost, lost.isAbove(Self.fewBits), embedded.value < Self.takenShare * available.value {
        found.append(.lostInEncoder(name))
      } else if embedded.isAbove(Self.takenShare * available.value) {
        found.append(.lostInHead(name))
      }
    }
    if emap?.byConstruction == true, data.contains(.onlyTogether) { found.append(.lostInFusion) }
    return found
  }

  /// Whether less than half of so many bits is taken, by the whole interval: of what the model loses without it, and of what
  /// its answers hold, so that a model that is right and unsure is not blamed.
  private func isUnused(_ name: String, of bits: Double) -> Bool {
    let known = [
      usableEstimate("used", name), estimate("pid.model.unique.\(name)", pid?.model?.unique[name]),
    ].compactMap { $0 }.filter { $0.interval95 != nil }
    return !known.isEmpty && known.allSatisfy { $0.isBelow(Self.takenShare * bits) }
  }

  /// Two measures that are sure, and say that different modalities come first.
  private var disagreements: [AuditFinding] {
    guard estimate("aboveChance", aboveChance)?.isAbove(0) ?? true else { return [] }
    let sure = leadingMeasures.filter { $0.lead.isAbove(0) && $0.lead.value >= $0.measure.smallest }
    guard let first = sure.first, let other = sure.first(where: { $0.modality != first.modality }) else { return [] }
    return [.disagreement(first.measure, first.modality, other.measure, other.modality)]
  }
}
