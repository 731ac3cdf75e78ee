import Records

extension AuditWords {
  var advice: [String] {
    guard !findings.contains(.learnedNothing) else {
      return ["Train a model that is better than a constant prediction first."]
    }
    var out: [String] = []
    if findings.contains(.lostInFusion) {
      out.append(
        "Change the fusion, not the method: one that can combine (--set model.fusion=bilinear, or gated or attention), and "
          + "no gradients cut apart.")
    }
    for name in names where findings.contains(.unused(name)) {
      if findings.contains(.lostInEncoder(name)) {
        out.append("For \(name): a loss on its own classifier (fulcrum, uniform), or a better pretrained encoder.")
      } else if findings.contains(.lostInHead(name)) {
        out.append(
          "For \(name): train the classifier so that it must listen (modality dropout, TCMax, or gradients kept apart as in "
            + "DGL\(findings.contains(.onlyTogether) ? "; not DGL here, as something is only in the combination" : ""))."
        )
      } else {
        out.append(
          "For \(name): a method that keeps a loss on each modality (fulcrum, uniform); a linear probe of its embedding "
            + "(probe:\(name)) would tell whether the encoder or the classifier is to blame.")
      }
    }
    for name in names where findings.contains(.ignores(name)) && record.usable?.available[name] == nil {
      out.append(
        "Whether \(name) holds what the rest does not is not known: a model of it alone would tell (--alone, or an array "
          + "alone:\(name)).")
    }
    if let weak = hopeless, out.isEmpty {
      out.append("Balanced training will not help with everything there; a better encoder of \(weak) may.")
    }
    let odd = record.usable?.suspicious ?? []
    // Of a model that knows little, most labels would be odd.
    if !odd.isEmpty, Double(odd.count) < 0.2 * Double(record.samples),
      names.contains(where: { findings.contains(.informative($0)) })
    {
      let shown = odd.prefix(5).joined(separator: ", ")
      out.append(
        "Look at \(counted(odd.count, "label")) that every modality contradicts: \(shown)\(odd.count > 5 ? ", …" : "")."
      )
    }
    guard out.isEmpty else { return out }
    return record.leadingMeasures.isEmpty ? [] : ["Nothing to change by what these numbers can tell."]
  }

  /// What could not be said, by the array that would tell.
  var untold: [String] {
    let byArray = Dictionary(grouping: record.untold.filter { !$0.needs.isEmpty }) { joined($0.needs) }
    let needed = byArray.keys.sorted().map { arrays in
      "\(joined((byArray[arrays] ?? []).map { Self.subject($0.measure) })) (give \(arrays))"
    }
    let reasons = record.untold.filter { $0.needs.isEmpty }.compactMap { item in
      item.why.map { "\(Self.subject(item.measure)): \($0)" }
    }
    return (needed.isEmpty ? [] : ["Not measured: \(needed.joined(separator: "; "))."])
      + (reasons.isEmpty ? [] : ["Not told: \(reasons.joined(separator: "; "))."])
  }

  static func subject(_ measure: String) -> String {
    switch measure {
    case "scores": "scores"
    case "routing": "who is right alone"
    case "cooperation": "cooperation"
    case "utilisation": "what goes without each modality"
    case "shares": "shares of the answers"
    case "emap": "whether it combines or adds up"
    case "pid": "what each modality alone holds"
    case "pid.synergy": "what only the combination holds"
    case "pointwise": "bits of single samples"
    case "usable": "usable bits"
    case "usable.available": "bits in each modality"
    case "usable.used": "bits taken from each"
    case "usable.embedded": "bits in the embeddings"
    case "usable.calibrated": "bits after calibration"
    case "usable.extra": "bits that each adds"
    default:
      measure.hasPrefix("swap.")
        ? "swapped "
          + measure.dropFirst(5).replacing(".follow", with: " in conflicts").replacing(
            ".decidable", with: " in conflicts where each side is right on its own"
          ).replacing(".drop", with: "'s score") : measure
    }
  }
}
