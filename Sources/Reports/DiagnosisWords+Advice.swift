import Records

extension DiagnosisWords {
  var advice: [String] {
    if diagnosis.leaning.verdict == .learnedNothing {
      return [
        "A stronger encoder first: the features, as they are, do not tell the "
          + (diagnosis.isRegression ? "target. Then the targets themselves" : "classes apart. Then labels")
          + ", and whether there are enough samples. No method of training makes up for that."
      ]
    }
    let problems = diagnosis.problems
    let method = title(diagnosis.method)
    guard problems.contains(where: \.isOfTraining) else {
      let doubtful = problems.compactMap { problem -> String? in
        if case .overconfident(let condition) = problem {
          Condition(condition, modalities: diagnosis.modalities).modality
        } else {
          nil
        }
      }
      if doubtful.isEmpty {
        return [
          "No training problem found. Remaining losses come from information that only one modality has. \(method) will do."
        ]
      }
      return [
        "No training problem found, but without \(joined(doubtful)) it is over-confident: ask for higher confidence there, or "
          + "leave those cases to a person."
      ]
    }
    guard let trial = diagnosis.trial else {
      return [
        diagnosis.quick
          ? "Nothing was tried, to be quick; without --quick a few methods are."
          : "Nothing could be tried: no other method works on this data with these settings."
      ]
    }
    return tried(trial, method)
  }

  func tried(_ trial: ModelDiagnosis.Trial, _ method: String) -> [String] {
    let count = trial.methods.count == 1 ? "The one method" : "None of \(trial.methods.count) methods"
    let place = trial.heldOut == nil ? "the validation split" : "held-out training samples"
    guard let pick = trial.pick else {
      return trial.methods.count == 1
        ? ["\(count) tried is not better than \(method) on \(place) with a modality missing. Keep \(method)."]
        : ["\(count) tried is better than \(method) on \(place) with a modality missing. Keep \(method)."]
    }
    let seeds = trial.seeds == 1 ? "one seed" : "\(trial.seeds) seeds"
    let told = pick.absent.map { ", \(signed($0.value)) where it is told (\(range($0)))" } ?? ""
    let effect =
      "\(signed(pick.missing.value)) points of \(metric) with a modality missing (\(range(pick.missing)))\(told), "
      + "\(signed(pick.full.value)) with everything there (\(range(pick.full)))"
    guard trial.helps else {
      return [
        "\(name(of: pick)) is the best of \(trial.methods.count) on \(place), but its effect on the test split is "
          + "\((pick.without ?? pick.missing).isAbove(0) ? "small" : "within noise"): \(effect), \(seeds). "
          + "Nothing tried helps for sure."
      ]
    }
    let price =
      pick.full.isBelow(0) && pick.full.value <= -ModelDiagnosis.smallestDifference
      ? "It costs \(diagnosis.isRegression ? metric : "accuracy") with everything there. " : ""
    return [
      "\(name(of: pick)), chosen among \(trial.methods.count) by \(place): on the test split \(effect), against "
        + "\(method), \(seeds). \(reached(pick))\(price)\(command(pick))"
    ]
  }

  /// What it scores without each modality, beside models of the other alone.
  private func reached(_ pick: ModelDiagnosis.Tried) -> String {
    guard diagnosis.modalities.count == 2, pick.name != ModelDiagnosis.Tried.bundle, let scores = pick.scores else {
      return ""
    }
    let parts = diagnosis.modalities.compactMap { name -> String? in
      guard let other = diagnosis.modalities.first(where: { $0 != name }), let alone = diagnosis.worth[other]?.alone,
        let own = scores["\(name)-\(Condition.missing)"]
      else { return nil }
      return "\(percent(own)) % without \(name) (\(other) alone: \(share(alone)))"
    }
    return parts.isEmpty ? "" : "It scores \(joined(parts)). "
  }

  func name(of tried: ModelDiagnosis.Tried) -> String {
    guard tried.name == ModelDiagnosis.Tried.bundle else { return title(tried.name) }
    return "\(title(diagnosis.method)) with a second model of each modality alone, for when the other is absent"
  }

  /// What trains it.
  func command(_ pick: ModelDiagnosis.Tried) -> String {
    guard pick.name != ModelDiagnosis.Tried.bundle else {
      let lines = diagnosis.modalities.map {
        "seesaw train \(diagnosis.data.shellQuoted) --method unimodal --set \("method.modality=\($0)".shellQuoted)"
      }
      return joined(lines)
    }
    return
      (["seesaw train", diagnosis.data.shellQuoted, "--method \(pick.name)"]
      + pick.settings.map { "--set \($0.shellQuoted)" })
      .joined(separator: " ")
  }
}
