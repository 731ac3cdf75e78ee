import Records

/// Each modality's loss by epoch over the runs of one row.
struct LossHistory {
  struct Curve {
    let modality: String
    let isTraining: Bool
    /// From 1.
    let epochs: [Double]
    let mean: [Double]
    let low: [Double]
    let high: [Double]
  }

  let kind: LossKind
  let runs: Int
  let curves: [Curve]

  /// More epochs than these make no smoother curve.
  static let mostPoints = 150

  /// nil where no loss of a modality was recorded.
  init?(_ runs: [[EpochRow]], modalities: [String]) {
    let runs = runs.filter { !$0.isEmpty }
    func hasAny(_ kind: LossKind) -> Bool {
      runs.contains { $0.contains { row in modalities.contains { row.train[kind.training($0)]?.isFinite == true } } }
    }
    guard let kind = LossKind.allCases.first(where: hasAny) else { return nil }
    self.kind = kind
    self.runs = runs.count
    let all = Set(runs.joined().map(\.epoch)).sorted()
    let every = max(1, (all.count + Self.mostPoints - 1) / Self.mostPoints)
    let epochs = all.enumerated().filter { $0.offset % every == 0 || $0.offset == all.count - 1 }.map(\.element)
    let tables = runs.map { Dictionary($0.map { ($0.epoch, $0) }, uniquingKeysWith: { first, _ in first }) }
    func curve(_ modality: String, _ isTraining: Bool, _ value: (EpochRow) -> Double?) -> Curve? {
      var points: [(epoch: Int, values: [Double])] = []
      for epoch in epochs {
        let values = tables.compactMap { $0[epoch].flatMap(value) }.filter(\.isFinite)
        if !values.isEmpty { points.append((epoch, values)) }
      }
      guard !points.isEmpty else { return nil }
      return Curve(
        modality: modality, isTraining: isTraining, epochs: points.map { Double($0.epoch + 1) },
        mean: points.map { Statistics.mean($0.values) ?? .nan }, low: points.map { $0.values.min() ?? .nan },
        high: points.map { $0.values.max() ?? .nan })
    }
    curves = modalities.flatMap { modality in
      let training = curve(modality, true) { $0.train[kind.training(modality)] }
      let validation = kind.validation(modality).flatMap { name in curve(modality, false) { $0.validation[name] } }
      return [training, validation].compactMap { $0 }
    }
  }
}
