import Records

extension DiagnosisWords {
  /// What the model itself says that it relies on, and whether it is right to.
  var relianceWords: [String] {
    guard let reliance = diagnosis.reliance, let full = reliance.shares[Condition.full] else { return [] }
    var sentences = ["Its answers rest on \(Self.shares(full, diagnosis.modalities)), on average."]
    // The condition in which a modality's own share falls the most.
    let impaired = diagnosis.modalities.flatMap { modality in
      diagnosis.conditions.compactMap { condition -> (change: Double, sentence: String)? in
        let parts = Condition(condition, modalities: diagnosis.modalities)
        guard parts.modality == modality,
          let now = reliance.shares[condition]?[modality], let before = full[modality]
        else { return nil }
        return (
          now - before,
          "With \(modality) \(parts.kind) its share goes from \(Self.share(before)) to "
            + "\(Self.share(now)) %."
        )
      }
    }
    if let most = impaired.max(by: { abs($0.change) < abs($1.change) }), abs(most.change) >= 0.02 {
      sentences.append(most.sentence)
    }
    for modality in diagnosis.modalities {
      guard let deciding = reliance.deciding[modality] else { continue }
      let lead =
        "Where only \(modality) tells the class (\(deciding.samples) test samples, by the models trained alone) it relies on it "
      let value = deciding.difference
      if value.isAbove(0) {
        sentences.append(
          lead
            + "\(percent(value.value)) points more (95 % CI \(range(value))) than where only others do: it goes with "
            + "what is right.")
      } else if value.isBelow(0) {
        sentences.append(
          lead
            + "\(percent(-value.value)) points less than where only others do (95 % CI \(range(value))): what it relies on "
            + "does not follow what is right.")
      } else {
        sentences.append(lead + "no more than where only others do, within noise (95 % CI \(range(value))).")
      }
      // With two modalities the other's sentence would be the mirror of it.
      if diagnosis.modalities.count == 2 { break }
    }
    return sentences
  }

  /// Whether all this would be said on another split of the same rows.
  var splitWords: [String] {
    guard let splits = diagnosis.splits else { return [] }
    let (count, top) = (splits.resampling.count, diagnosis.leaning.modality)
    let leads = splits.leads.count { $0 == top }
    var sentences = [
      "Over \(count) splits of the same rows \(top) contributes \(points(splits.above.value)) more than the other"
        + (diagnosis.modalities.count > 2 ? "s on average" : "")
        + " (95 % CI \(range(splits.above)), including the variation between splits); it leads on \(leads) of \(count)."
    ]
    if diagnosis.leaning.verdict == .leans, !splits.holds {
      sentences.append("So the first sentence holds for this split, and cannot be told of others.")
    }
    if let pick = diagnosis.trial?.chosen {
      let same = splits.chosen.count { $0 == pick }
      let gain = splits.gain.map { gain in
        " With a modality missing or absent it gains \(points(gain.value)) over the splits (95 % CI \(range(gain)))"
          + (gain.isAbove(0) ? "." : ": no gain beyond noise.")
      }
      sentences.append("\(title(pick)) is recommended on \(same) of \(count).\(gain ?? "")")
    }
    return sentences
  }

  /// `image 38 % and text 62 %`.
  static func shares(_ shares: [String: Double], _ modalities: [String]) -> String {
    let known = modalities.compactMap { name in shares[name].map { "\(name) \(share($0)) %" } }
    guard let last = known.last, known.count > 1 else { return known.first ?? "nothing" }
    return known.dropLast().joined(separator: ", ") + " and " + last
  }

  private static func share(_ value: Double) -> String { fixed(value * 100, 0) }
}
