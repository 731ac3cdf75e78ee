import Records

/// One equation's predicted and actual changes, by label.
private struct Changes {
  let title: String
  let groups: [[(predicted: Double, actual: Double)]]

  init(_ equation: String, _ title: String, _ groups: [RunGroup]) {
    self.title = title
    self.groups = groups.map { group in
      group.steps.compactMap { row in
        guard let predicted = row.scalars["probe.\(equation).predicted"], predicted.isFinite,
          let actual = row.scalars["probe.\(equation).actual"], actual.isFinite
        else { return nil }
        return (predicted, actual)
      }
    }
  }

  var count: Int { groups.map(\.count).reduce(0, +) }

  /// Of actual over predicted change; nil where nothing was predicted.
  var medianRatio: Double? {
    let ratios = groups.joined().filter { $0.predicted != 0 }.map { $0.actual / $0.predicted }.sorted()
    guard !ratios.isEmpty else { return nil }
    return (ratios[ratios.count / 2] + ratios[(ratios.count - 1) / 2]) / 2
  }
}

/// Predicted against actual change of the loss, with the diagonal; nil where it was not probed.
func firstOrderFigure(_ groups: [RunGroup]) -> String? {
  let all = [
    Changes("eq1", "target loss (eq. 1)", groups), Changes("eq5", "target loss + divergence (eq. 5)", groups),
  ].filter { $0.count > 0 }
  guard !all.isEmpty else { return nil }
  let ratios = all.compactMap { changes in
    changes.medianRatio.map {
      "\(fixed($0, 3)) of the predicted one for the \(changes.title), over \(counted(changes.count, "step"))"
    }
  }
  let sentence = ratios.isEmpty ? "" : "In the median the actual change is " + ratios.joined(separator: ", and ") + "."
  let title = "Predicted and actual change of the loss in one plain gradient step"
  var svg = SVG(title: title, summary: sentence)
  svg.words(title, SVG.margin, 28, "title")
  svg.words("on the diagonal the first-order prediction is exact", SVG.margin, 47, "aside")

  let width = (SVG.width - 2 * SVG.margin) / 2
  let height = width - Panel.left - 12 + Panel.above + Panel.below
  for (number, changes) in all.enumerated() {
    let values = changes.groups.joined().flatMap { [$0.predicted, $0.actual] }
    let axis = Axis(values + [0], count: 6)
    let panel = Panel(
      x: SVG.margin + width * Double(number) - 8, y: 56, width: width, height: height, axis, axis)
    panel.frame(&svg, title: changes.title, across: "predicted change", up: "actual change")
    let (low, high) = (panel.place(axis.low, axis.low), panel.place(axis.high, axis.high))
    svg.line(low.x, low.y, high.x, high.y, "zero")
    // More dots would only make the file larger; in turns, so that no label hides another.
    let stride = max(1, changes.count / 1500)
    for index in Swift.stride(from: 0, to: changes.groups.map(\.count).max() ?? 0, by: stride) {
      for (colour, points) in changes.groups.enumerated() where index < points.count {
        let place = panel.place(points[index].predicted, points[index].actual)
        svg.dot(place.x, place.y, colour: colour, radius: 2.2)
      }
    }
  }
  var y = 56 + height + 8
  let keys = groups.enumerated().filter { number, _ in all.contains { !$0.groups[number].isEmpty } }.map {
    colour, group in
    SVG.Key(mark: .dot(colour: colour), words: group.label)
  }
  y += svg.legend(keys + [SVG.Key(mark: .plain("zero"), words: "actual = predicted")], y: y)
  for line in wrapped(sentence) {
    y += 18
    svg.words(line, SVG.margin, y, "aside")
  }
  return svg.text(height: y + 16)
}

/// Words in lines that fit the width.
private func wrapped(_ text: String) -> [String] {
  var lines: [String] = []
  for word in text.split(separator: " ") {
    if let last = lines.last, SVG.length("\(last) \(word)") <= SVG.width - 2 * SVG.margin {
      lines[lines.count - 1] = "\(last) \(word)"
    } else {
      lines.append(String(word))
    }
  }
  return lines
}
