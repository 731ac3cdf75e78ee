import Datasets
import Foundation
import Records
import Reports
import Testing

@Suite("The documentation of the published data sets is what their cards say")
struct DatasetDocumentationTests {
  @Test("the page is up to date; 'make docs' mends this")
  func page() throws {
    let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = package.appending(path: "Documentation/datasets.md")
    #expect(try String(contentsOf: page, encoding: .utf8) == DatasetPages.page(DatasetLayouts.cards))
  }

  @Test("a card names its task, metric and splits in the words that a feature set knows")
  func words() {
    for card in DatasetLayouts.cards {
      #expect(["single-label", "multi-label", "binary"].contains(card.task), "\(card.name)")
      #expect(Metric(rawValue: card.metric) != nil, "\(card.name)")
      #expect(Set(card.splits.keys).isSubset(of: ["train", "validation", "test"]), "\(card.name)")
      #expect(card.classNames.isEmpty || card.classNames.count == card.classes, "\(card.name)")
      #expect(!card.sources.isEmpty && !card.terms.isEmpty && !card.layout.isEmpty, "\(card.name)")
    }
  }
}
