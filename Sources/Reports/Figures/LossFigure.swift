import Records

/// Where a modality's loss is read from.
enum LossKind: CaseIterable {
  case own
  case split
  case probed

  func training(_ modality: String) -> String {
    switch self {
    case .own: modality
    case .split: "split.\(modality)"
    case .probed: "probe.loss.\(modality)"
    }
  }

  /// nil: it is not measured there.
  func validation(_ modality: String) -> String? {
    switch self {
    case .own: "loss.\(modality)"
    case .split: "split.\(modality)"
    case .probed: nil
    }
  }

  var words: String {
    switch self {
    case .own: "of each modality's own classifier"
    case .split: "of each modality's part of the fused logits"
    case .probed: "of the probe's classifiers"
    }
  }
}

/// The losses of one label's runs.
private struct LossCurves {
  let label: String
  let kind: LossKind
  let runs: Int
  /// By modality: (epoch, mean over the runs).
  let training: [String: [(Double, Double)]]
  let validation: [String: [(Double, Double)]]

  init?(_ group: RunGroup, _ modalities: [String]) {
    let rows = group.epochs.flatMap { $0 }
    func hasAny(_ kind: LossKind) -> Bool {
      rows.contains { row in modalities.contains { row.train[kind.training($0)]?.isFinite == true } }
    }
    guard let kind = LossKind.allCases.first(where: hasAny) else { return nil }
    self.kind = kind
    label = group.label
    runs = group.epochs.count
    func means(_ value: (EpochRow) -> Double?) -> [(Double, Double)] {
      let epochs = Set(rows.map(\.epoch)).sorted()
      return epochs.compactMap { epoch in
        let found = rows.filter { $0.epoch == epoch }.compactMap(value)
        // Epochs count from 1 for readers.
        return found.isEmpty ? nil : (Double(epoch + 1), found.reduce(0, +) / Double(found.count))
      }
    }
    var training: [String: [(Double, Double)]] = [:]
    var validation: [String: [(Double, Double)]] = [:]
    for modality in modalities {
      training[modality] = means { $0.train[kind.training(modality)] }
      if let name = kind.validation(modality) { validation[modality] = means { $0.validation[name] } }
    }
    self.training = training
    self.validation = validation
  }

  var points: [(Double, Double)] { training.values.flatMap { $0 } + validation.values.flatMap { $0 } }
}

/// The modalities that epochs tell of.
private func modalities(of groups: [RunGroup]) -> [String] {
  var found: Set<String> = []
  for row in groups.flatMap(\.epochs).joined() {
    for (names, prefixes) in [
      (Array(row.train.keys), ["split.", "probe.loss.", "update.", "divergence."]),
      (Array(row.validation.keys), ["split.", "loss."]),
    ] {
      for name in names {
        for prefix in prefixes where name.hasPrefix(prefix) { found.insert(String(name.dropFirst(prefix.count))) }
      }
    }
  }
  return found.sorted()
}

/// Losses of each modality by epoch, a panel for each label; nil where none was measured.
func lossFigure(_ groups: [RunGroup]) -> String? {
  let modalities = modalities(of: groups)
  let all = groups.compactMap { LossCurves($0, modalities) }
  let points = all.flatMap(\.points)
  guard points.contains(where: { $0.1.isFinite }) else { return nil }
  let isOneKind = Set(all.map(\.kind)).count == 1
  let runs = all.map(\.runs).max() ?? 1
  var aside = isOneKind ? all[0].kind.words : "the mean loss of the samples"
  if runs > 1 { aside += " · means of up to \(counted(runs, "run"))" }

  var svg = SVG(
    title: "Losses of each modality by epoch",
    summary: all.map { curves in
      let ends = modalities.compactMap { modality in
        curves.training[modality]?.last { $0.1.isFinite }.map { "\(modality) \(fixed($0.1, 3))" }
      }
      return "\(curves.label), training loss in the end: \(ends.joined(separator: ", "))."
    }.joined(separator: " "))
  svg.words("Losses of each modality by epoch", SVG.margin, 28, "title")
  svg.words(aside, SVG.margin, 47, "aside")

  let columns = all.count == 1 ? 1 : 2
  let size = (width: (SVG.width - 2 * SVG.margin) / Double(columns), height: columns == 1 ? 300.0 : 250.0)
  let horizontal = Axis(points.map(\.0), count: columns == 1 ? 10 : 5, whole: true)
  // From 0, so that heights can be compared.
  let vertical = Axis(points.map(\.1) + [0])
  for (number, curves) in all.enumerated() {
    let panel = Panel(
      x: SVG.margin + size.width * Double(number % columns) - 8, y: 56 + size.height * Double(number / columns),
      width: size.width, height: size.height, horizontal, vertical)
    panel.frame(
      &svg, title: curves.label, across: "epoch", up: isOneKind ? "loss" : "loss \(curves.kind.words)")
    for (colour, modality) in modalities.enumerated() {
      panel.curve(&svg, curves.validation[modality] ?? [], colour: colour, dash: 1)
      panel.curve(&svg, curves.training[modality] ?? [], colour: colour)
    }
  }
  let bottom = 56 + size.height * Double((all.count + columns - 1) / columns) + 8
  var keys = modalities.enumerated().map { colour, modality in
    SVG.Key(mark: .curve(colour: colour, dash: 0), words: "\(modality), training")
  }
  if all.contains(where: { $0.validation.values.contains { !$0.isEmpty } }) {
    keys += modalities.enumerated().map { colour, modality in
      SVG.Key(mark: .curve(colour: colour, dash: 1), words: "\(modality), validation")
    }
  }
  let keysHeight = svg.legend(keys, y: bottom)
  return svg.text(height: bottom + keysHeight + 12)
}
