import Datasets
import Experiments
import Records
import Testing

@Suite("What features are named by")
struct EncodeSettingsTests {
  @Test("usual settings are named as the first version named them, so that its features are known again")
  func first() throws {
    let data = [
      "follow_links", "frames", "held_out_share", "layout", "split_seed", "strict", "test_share", "validation_share",
      "variant",
    ]
    let tree = try EncodeSettings().essence()
    #expect(tree[path: "data"]?.tableValue?.keys.sorted() == data)
    #expect(tree.tableValue?.keys.sorted() == ["data", "impairments", "noise_levels", "threads"])
  }

  @Test("a later setting that is not as usual is named, and the number of threads never is")
  func later() throws {
    var settings = EncodeSettings()
    settings.data.takeIncomplete = true
    settings.data.columns = "text=title"
    settings.threads = 3
    let tree = try settings.essence()
    #expect(tree[path: "data.take_incomplete"] == true && tree[path: "data.columns"] == "text=title")
    #expect(tree[path: "data.map"] == nil && tree[path: "threads"] == 0)
  }
}
