import Auditing
import Records
import Reports
import Testing

@Suite("The words of an audit")
struct AuditTextTests {
  private func text(_ table: PredictionTable) throws -> AuditText {
    AuditText(try Audit.measure(table, options: AuditOptions(seed: 1, replicates: 100, permutations: 60)))
  }

  private func paragraph(_ heading: String, of text: AuditText) -> String {
    text.paragraphs.first { $0.heading == heading }?.text ?? ""
  }

  @Test("a model that takes one of two bits leans on it, and what the other holds is said to lie unused")
  func unused() throws {
    var planted = Planted.twoBits(seed: 1)
    let whole = planted.model
    planted.model = { whole([$0[0], nil]) }
    let text = try text(planted.table(seed: 1))
    let verdict = paragraph("Verdict", of: text)
    #expect(
      verdict.hasPrefix("Leans on image: where modalities of different classes are put together and each side is"))
    #expect(verdict.contains("it follows image in 100.0 % and text in 0.0 %"))
    #expect(verdict.contains("It ignores text: that of another sample changes no answer."))
    #expect(verdict.hasSuffix("What text alone holds lies mostly unused."))
    #expect(paragraph("Place", of: text).contains("that only text holds the model takes 0.00 bits (0.00 to 0.00)"))
    #expect(paragraph("Advice", of: text).contains("For text: a method that keeps a loss on each modality"))
    #expect(text.paragraphs.map(\.heading) == ["Verdict", "Data", "Model", "Place", "Advice", "Untold"])
  }

  @Test("a model that is right and hardly sure is not said to ignore what turns its answers")
  func unsure() throws {
    var planted = Planted.twoBits(seed: 2)
    planted.model = { seen in
      // Heeds the text just enough to break ties.
      let p = (0..<4).map { c in
        (seen[0].map { $0 == c / 2 ? 0.95 : 0.05 } ?? 0.5) * (0.5 + (seen[1] == c % 2 ? 0.02 : 0))
      }
      return p.map { $0 / p.reduce(0, +) }
    }
    let findings = Set(
      try Audit.measure(planted.table(seed: 2), options: AuditOptions(replicates: 60, permutations: 40)).findings)
    #expect(findings.isSuperset(of: [.unique("text"), .informative("text")]))
    #expect(findings.isDisjoint(with: [.ignores("text"), .unused("text")]))
  }

  @Test("a fusion that is a sum is named as such, and where only both tell, it is what is to change")
  func construction() throws {
    let planted = Planted.exclusiveOr(seed: 1)
    let parts = try [0, 1].map { place in
      try AnswerTable(
        rows: planted.rows, classes: 2, kind: .logits, values: planted.symbols[place].flatMap { [Double($0), 0] })
    }
    let text = try text(planted.table(seed: 1, parts: ["image": parts[0], "text": parts[1]]))
    #expect(paragraph("Model", of: text).contains("cannot combine them; that is so by construction."))
    #expect(paragraph("Place", of: text) == "What only the combination holds is lost in the form of the fusion.")
    #expect(paragraph("Advice", of: text).hasPrefix("Change the fusion, not the method"))
  }

  @Test("where nothing was learned that is all there is to say, and no lean is claimed")
  func nothing() throws {
    let text = try text(Planted.hints([0.85, 0.6], seed: 1).table(seed: 1, permuted: true))
    #expect(paragraph("Verdict", of: text).hasPrefix("Nothing beyond chance: with everything there the accuracy is"))
    #expect(paragraph("Model", of: text).isEmpty)
    #expect(paragraph("Advice", of: text) == "Train a model that is better than a constant prediction first.")
  }

  @Test("answers alone give no verdict, and every measure names what it would need")
  func bare() throws {
    let scores = try AnswerTable(rows: 4, classes: 2, values: [0.9, 0.1, 0.2, 0.8, 0.7, 0.3, 0.1, 0.9])
    let text = try text(
      PredictionTable(
        classes: ["a", "b"], modalities: ["image", "text"], labels: .classes([0, 1, 0, 1]), conditions: ["full": scores]
      ))
    #expect(paragraph("Untold", of: text).contains("whether it combines or adds up (give grid and grid:index)"))
    #expect(!paragraph("Verdict", of: text).contains("Leans"))
  }

  @Test("every number of the record that has an interval stands with it in the tables, as text and as Markdown")
  func tables() throws {
    let text = try text(Planted.hints([0.85, 0.6], seed: 1).table(seed: 1))
    let whole = text.text(width: 100)
    for title in ["Scores in %", "Bits about the label", "Samples by which models", "A modality taken", "Shares in %"] {
      #expect(whole.contains(title) && text.markdown.contains(title))
    }
    #expect(text.words.first == "Verdict: \(paragraph("Verdict", of: text))")
  }
}
