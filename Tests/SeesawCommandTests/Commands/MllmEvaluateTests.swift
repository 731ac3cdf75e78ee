import Records
import Testing

@testable import SeesawCommand

@Suite struct MllmEvaluateTests {
  private func estimate(_ value: Double) -> Estimate {
    Estimate(value, interval95: Interval(low: value - 0.1, high: value + 0.1))
  }

  @Test("results are a table of at most 80 columns with every condition, the values and their notes")
  func table() {
    let model = LanguageModelRecord.Model(
      folder: "SmolVLM-256M-Instruct", family: "idefics3", weights: 256_000_000, seesPictures: true,
      template: "smolvlm", chatTemplate: nil, prompt: "", variant: "standard", method: "ordinary")
    let rows = [
      ("full", "full"), ("missing:image", "image missing (black)"),
      ("hidden:image+text", "image and text hidden (mask)"),
    ]
    .map { condition, title in
      LanguageModelRecord.Row(
        condition: condition, title: title, accuracy: estimate(0.423), largestShare: 0.9,
        largestClass: "A class of a very long name indeed", samples: 317)
    }
    let shapley = LanguageModelRecord.Shapley(
      ablation: "mask", accuracy: ["image": estimate(0.2), "text": estimate(-0.1)],
      likelihood: ["image": estimate(-0.51), "text": estimate(1.25)], interaction: estimate(0.3), shares: [:])
    let record = LanguageModelRecord(
      model: model, data: "emoji", samples: 317, classes: ["a", "b"], scoring: .init(form: "pmi"), rows: rows,
      averageMissing: 0.3, gapMissing: 0.1, shapley: [shapley],
      conflict: .init(pairs: 40, textShare: estimate(0.625)), cost: .init(asked: 10, seconds: 1.234),
      notes: ["the folder has no chat_template: prompts are framed as 'smolvlm'; --template names another"])
    let text = MllmText.text(record, width: 80)
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(text)")
    for words in [
      "image missing (black)", "42.3", "32.3 to 52.3", "90.0 A class of a …", "Avg. missing 30.0, gap 10.0",
      "image, by mask", "-0.510", "% get the text's class", "1.23 seconds a prompt", "--template names another",
    ] { #expect(text.contains(words), "\(words) in\n\(text)") }
  }
}
