import Records

/// The cosines of one label's steps.
private struct Cosines {
  let label: String
  let values: [Double]

  var conflicts: Double { Double(values.count { $0 < 0 }) / Double(values.count) }

  /// The share of values in each of `count` equal bins from −limit to limit; what lies beyond is in the outermost.
  func shares(_ count: Int, limit: Double) -> [Double] {
    var bins = [Double](repeating: 0, count: count)
    for value in values {
      let bin = Int(((value / limit + 1) / 2 * Double(count)).rounded(.down).clamped(to: 0...Double(count - 1)))
      bins[bin] += 1 / Double(values.count)
    }
    return bins
  }
}

extension Double {
  fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}

/// How many steps have which cosine between target and divergence gradient; nil where none was measured.
func cosineFigure(_ groups: [RunGroup]) -> String? {
  func measured(_ name: String) -> [Cosines] {
    groups.compactMap { group in
      let values = group.steps.compactMap { $0.scalars[name] }.filter(\.isFinite)
      return values.isEmpty ? nil : Cosines(label: group.label, values: values)
    }
  }
  let (own, probed) = (measured("cosine"), measured("probe.cosine"))
  // The probe measures the same of every method; a method's own cosine is of its own weights.
  let isProbed = Set(probed.map(\.label)).isSuperset(of: own.map(\.label))
  let all =
    isProbed
    ? probed
    : groups.compactMap { group in
      (own + probed).first { $0.label == group.label }
    }
  guard !all.isEmpty else { return nil }

  let sizes = all.flatMap { $0.values.map(abs) }.sorted()
  let most = sizes[sizes.count - 1]
  // A few steps at the start of training would squeeze all others into the middle.
  let usual = sizes[Int(Double(sizes.count - 1) * 0.995)]
  let horizontal = Axis(around: most > 0 ? min(max(usual, most / 20), 1) : 1)
  let limit = horizontal.high
  let bins = (all.map(\.values.count).min() ?? 0) < 100 ? 20 : 40
  let shares = all.map { $0.shares(bins, limit: limit) }
  let vertical = Axis(shares.joined().map { $0 * 100 } + [0])

  let title = "How target and divergence gradients point"
  var svg = SVG(
    title: title,
    summary: all.map { "\($0.label): \(percent($0.conflicts)) % of \(counted($0.values.count, "step")) conflict." }
      .joined(separator: " "))
  svg.words(title, SVG.margin, 28, "title")
  svg.words(
    isProbed
      ? "the same measure for all: equal weights, before any projection"
      : "as each method weighs, before any projection",
    SVG.margin, 47, "aside")

  // More than six outlines in one frame cannot be told apart.
  let perPanel = 6
  // The panels have no titles.
  var y = 40.0
  for start in stride(from: 0, to: all.count, by: perPanel) {
    let chosen = start..<min(start + perPanel, all.count)
    let panel = Panel(
      x: SVG.margin - 8, y: y, width: SVG.width - 2 * SVG.margin, height: 290, horizontal, vertical)
    panel.frame(
      &svg, title: "",
      across: "cosine; below 0 the two conflict" + (most > limit ? "; the ends hold what lies beyond" : ""),
      up: "steps in %")
    let zero = panel.place(0, 0)
    svg.line(zero.x, panel.y, zero.x, zero.y, "zero")
    for number in chosen {
      var outline: [(x: Double, y: Double)] = [panel.place(-limit, 0)]
      for (bin, share) in shares[number].enumerated() {
        let (left, right) = (Double(bin) / Double(bins), Double(bin + 1) / Double(bins))
        outline.append(panel.place(limit * (2 * left - 1), share * 100))
        outline.append(panel.place(limit * (2 * right - 1), share * 100))
      }
      outline.append(panel.place(limit, 0))
      // Four grounds on each other are mud.
      if chosen.count <= 3 { svg.path(outline, colour: number - start, closed: true) }
      svg.path(outline, colour: number - start)
    }
    y += 290
    let keys = chosen.map { number in
      SVG.Key(
        mark: .curve(colour: number - start, dash: 0),
        words:
          "\(all[number].label): \(percent(all[number].conflicts)) % of \(counted(all[number].values.count, "step")) conflict"
      )
    }
    y += svg.legend(keys, y: y) + (chosen.upperBound < all.count ? 0 : 12)
  }
  return svg.text(height: y)
}
