import Records
import Testing

@Suite("Settings that say what they are")
struct SettingTests {
  enum Form: String, SettingChoice { case plain, roundAbout = "round_about" }

  struct Inner: Settings {
    @Setting("How far", .fraction) var reachOfAll = 0.5
  }

  struct Outer: Settings {
    @Setting("How it goes") var form = Form.plain
    var silent = 3
    var inner = Inner()
    @Setting(range: .positive) var size = 2
    @Setting("Whether at all") var isOn = true
  }

  @Test("each is described by its key, its words, its default and what it may be, those within others too")
  func description() {
    #expect(
      SettingDescription.all(of: Outer()) == [
        SettingDescription("form", "How it goes", default: "plain", allowed: ["plain", "round_about"]),
        SettingDescription("inner.reach_of_all", "How far", default: 0.5, range: .fraction),
        SettingDescription("size", "", default: 2, range: .positive),
        SettingDescription("is_on", "Whether at all", default: true),
      ])
  }

  @Test("in a file it is its value alone, and equal where the values are")
  func coding() throws {
    var changed = Outer()
    changed.form = .roundAbout
    changed.inner.reachOfAll = 0.25
    let tree: Tree = [
      "form": "round_about", "silent": 3, "inner": ["reach_of_all": 0.25], "size": 2, "is_on": true,
    ]
    #expect(try Tree(encoding: changed) == tree)
    let read = try tree.decode(Outer.self)
    #expect(read == changed && read != Outer())
    #expect(throws: (any Error).self) {
      var wrong = tree
      wrong[path: "form"] = "sideways"
      _ = try wrong.decode(Outer.self)
    }
  }

  @Test("a run's rules are those of its settings")
  func rules() {
    let rules = RunConfiguration.rules
    #expect(rules["training.epochs"] == .range(.atLeast(1)))
    #expect(rules["optimizer.schedule.form"] == .oneOf(ScheduleForm.allowed))
    #expect(rules["training.crop"] == .range(SettingRange(minimum: 0, maximum: 1, aboveMinimum: true)))
    #expect(rules["training.device"] == nil)
  }
}
