import Datasets
import Evaluation
import Multimodal
import Records

/// What may help, trained over a few seeds.
struct Candidate {
  let name: String
  var settings: [String] = []
  let trials: [ModelEvaluation]
  /// For each modality the models of the other one, a seed each, which answer where it is known to be absent; nil: the
  /// candidate's own models do.
  var alone: [[ModelEvaluation]]?
}

/// Candidates beside the diagnosed method: chosen by validation scores, their effect measured on the test split.
struct CandidateTrial {
  private let candidates: [Candidate]
  private let set: FeatureSet
  private let replicates: Int?

  /// - Parameter candidates: the diagnosed method first.
  init(_ candidates: [Candidate], _ set: FeatureSet, replicates: Int?) {
    self.candidates = candidates
    self.set = set
    self.replicates = replicates
  }

  private var modalities: [Modality] { self.set.modalities }

  /// A test score of a candidate, by its number.
  private struct Quantity: Hashable {
    enum Kind: Hashable {
      /// Under a condition.
      case score(String)
      /// Averaged over each modality missing, over each absent, and over both.
      case missing, absent, without
    }
    let candidate: Int
    let kind: Kind

    init(_ candidate: Int, _ kind: Kind) {
      self.candidate = candidate
      self.kind = kind
    }
  }

  func answer(seeds: Int, heldOut: Double?) throws -> ModelDiagnosis.Trial? {
    guard let first = candidates.first else { return nil }
    var bootstrap = Bootstrap<Quantity>(samples: set.test?.count ?? 0)
    for (number, candidate) in candidates.enumerated() {
      for (kind, measures) in try measures(candidate) { bootstrap.add(Quantity(number, kind), measures) }
    }
    let means = bootstrap.means
    let tried = try candidates.enumerated().map { number, candidate in
      func gain(_ kind: Quantity.Kind) throws -> Estimate {
        if number == 0 { return Estimate(0) }
        let gain = try bootstrap.difference(Quantity(number, kind), from: Quantity(0, kind), replicates: replicates)
        guard let gain else {
          throw Diagnosis(
            "the test split does not define how much better '\(candidate.name)' is than '\(first.name)'",
            remedy: "add test samples; every class is needed among them", exitStatus: .input)
        }
        return gain
      }
      var scores: [String: Double] = [:]
      for (quantity, mean) in means where quantity.candidate == number {
        if case .score(let condition) = quantity.kind { scores[condition] = mean }
      }
      return ModelDiagnosis.Tried(
        name: candidate.name, settings: candidate.settings,
        validationFull: try mean(candidate.trials.map { try $0.validationScore(without: []) }),
        validationMissing: try validation(candidate, told: false), full: try gain(.score(Condition.full)),
        missing: try gain(.missing), validationAbsent: try validation(candidate, told: true),
        absent: try gain(.absent), without: try gain(.without), scores: scores)
    }
    // Of those that lose little with everything there, the best with a modality missing or absent.
    let best = tried.dropFirst().filter {
      $0.validationFull >= tried[0].validationFull - ModelDiagnosis.tolerance - 1e-9
    }.max { $0.validationWithout < $1.validationWithout }
    return ModelDiagnosis.Trial(
      baseline: tried[0], methods: Array(tried.dropFirst()), seeds: seeds,
      chosen: best.flatMap { $0.validationWithout > tried[0].validationWithout ? $0.name : nil }, heldOut: heldOut)
  }

  /// The models that answer where a modality is known to be absent.
  private func told(_ candidate: Candidate, _ place: Int) -> [ModelEvaluation] {
    candidate.alone?[place] ?? candidate.trials
  }

  private func validation(_ candidate: Candidate, told isTold: Bool) throws -> Double {
    try mean(
      modalities.enumerated().flatMap { place, modality in
        try (isTold ? told(candidate, place) : candidate.trials).map {
          try $0.validationScore(without: [modality], told: isTold && candidate.alone == nil)
        }
      })
  }

  private func mean(_ values: [Double]) throws -> Double { Statistics.mean(values) ?? .nan }

  /// Test scores, a measure for each seed.
  private func measures(_ candidate: Candidate) throws -> [(Quantity.Kind, [WeightedMeasure])] {
    let full = try candidate.trials.map { try $0.measure(under: Condition.full) }
    var found: [(Quantity.Kind, [WeightedMeasure])] = [(.score(Condition.full), full)]
    var parts: [String: [[WeightedMeasure]]] = [:]
    for kind in [Condition.missing, Condition.absent] {
      parts[kind] = try modalities.enumerated().map { place, modality in
        let isBundle = candidate.alone != nil && kind == Condition.absent
        // A model of the other modality alone does not look at this one.
        let trials = kind == Condition.absent ? told(candidate, place) : candidate.trials
        return try trials.map {
          try $0.measure(under: "\(modality.name)-\(isBundle ? Condition.missing : kind)")
        }
      }
      for (modality, measures) in zip(modalities, parts[kind] ?? []) {
        found.append((.score("\(modality.name)-\(kind)"), measures))
      }
    }
    let missing = parts[Condition.missing] ?? []
    let absent = parts[Condition.absent] ?? []
    for (kind, measures) in [(Quantity.Kind.missing, missing), (.absent, absent), (.without, missing + absent)] {
      found.append(
        (
          kind,
          candidate.trials.indices.map { seed in
            let all = measures.map { $0[seed] }
            return { weights in
              let scores = all.compactMap { $0(weights) }
              return scores.count == all.count ? Statistics.mean(scores) : nil
            }
          }
        ))
    }
    return found
  }
}
