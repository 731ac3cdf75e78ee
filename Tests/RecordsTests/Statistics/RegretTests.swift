import Records
import Testing

@Suite("Regret")
struct RegretTests {
  static let conditions = ["full", "image-missing", "text-missing"]

  static func runs(_ name: String, sees: [String] = ["clean"], _ rows: [[Double]]) -> MethodRuns {
    MethodRuns(
      name: name, sees: sees,
      runs: rows.enumerated().map { seed, row in
        MeasuredRun(seed: seed, scores: Dictionary(uniqueKeysWithValues: zip(conditions, row)))
      })
  }

  static func specialist(_ scores: [Double], _ settings: [String] = []) -> ComparisonResults.Specialist {
    .init(method: "joint", settings: settings, runs: scores.enumerated().map { .init(seed: $0, score: $1) })
  }

  static let specialists = [
    "full": specialist([0.80, 0.82]), "image-missing": specialist([0.70, 0.72], ["data.modalities=[text]"]),
    "text-missing": specialist([0.60, 0.61], ["data.modalities=[image]"]),
  ]

  static func results(_ methods: [MethodRuns]) -> ComparisonResults {
    ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: ["image", "text"], conditions: conditions, methods: methods,
      specialists: specialists)
  }

  @Test("a run's regret is the specialist's of the same seed less its own, under each condition")
  func paired() throws {
    let row = try #require(Self.results([Self.runs("m", [[0.79, 0.50, 0.61], [0.83, 0.60, 0.59]])]).method("m"))
    let regrets = row.runs.map(\.quantities.regret)
    #expect(
      abs((regrets[0]["image-missing"] ?? 9) - 0.20) < 1e-12 && abs((regrets[1]["image-missing"] ?? 9) - 0.12) < 1e-12)
    #expect(abs((regrets[0]["text-missing"] ?? 9) + 0.01) < 1e-12)
    #expect(abs((regrets[0]["worst"] ?? 9) - 0.20) < 1e-12)
    #expect(abs((regrets[0]["mean"] ?? 9) - (0.01 + 0.20 - 0.01) / 3) < 1e-12)
  }

  @Test("a row's worst regret is the largest mean regret, not the mean of its runs' worst")
  func worst() throws {
    // Each run is worst elsewhere; on average neither condition loses more than a point.
    let row = try #require(Self.results([Self.runs("m", [[0.80, 0.68, 0.60], [0.82, 0.72, 0.59]])]).method("m"))
    #expect(abs((row.mean.regret["worst"] ?? 9) - 0.01) < 1e-12)
    #expect(abs((row.mean["regret.image-missing"] ?? 9) - 0.01) < 1e-12)
    #expect(abs((row.mean["regret.mean"] ?? 9) - 0.02 / 3) < 1e-12)
    let names = row.mean.names.filter { $0.hasPrefix("regret") }
    #expect(names == ["regret.full", "regret.image-missing", "regret.text-missing", "regret.worst", "regret.mean"])
    let interval = try #require(row.worstRegret?.interval95)
    let each = try Self.conditions.map { try #require(row.interval95["regret.\($0)"]) }
    #expect(interval.high == each.map(\.high).max())
    #expect(interval.low <= (each.map(\.low).max() ?? -9))
    #expect(row.stands == false)
  }

  @Test("a model stands where the upper end is at most two points, and with one seed nobody knows")
  func stands() throws {
    let same = [[0.80, 0.70, 0.60], [0.82, 0.72, 0.61]]
    let row = try #require(Self.results([Self.runs("m", same)]).method("m"))
    #expect(row.worstRegret?.value == 0 && row.stands == true)
    let two = try #require(Self.results([Self.runs("m", same.map { $0.map { $0 - 0.02 } })]).method("m"))
    #expect(two.stands == true)
    let more = try #require(Self.results([Self.runs("m", same.map { $0.map { $0 - 0.0201 } })]).method("m"))
    #expect(more.stands == false)
    #expect(try #require(Self.results([Self.runs("m", [same[0]])]).method("m")).stands == nil)
  }

  @Test("the file has regret and specialists as promised, and reads back the same")
  func file() throws {
    let results = Self.results([
      Self.runs("m", sees: ["clean", "missing"], [[0.79, 0.50, 0.61], [0.83, 0.60, 0.59]])
    ])
    let tree = try Tree(json: results.json())
    let method = try #require(tree[path: "methods"]?.listValue?.first)
    #expect(method[path: "sees"] == ["clean", "missing"])
    for place in ["mean", "interval95"] {
      let regret = try #require(method[path: "\(place).regret"])
      #expect(Set(regret.tableValue?.keys.map { $0 } ?? []) == ["worst", "mean", "conditions"])
      #expect(Set(regret[path: "conditions"]?.tableValue?.keys.map { $0 } ?? []) == Set(Self.conditions))
    }
    #expect(method[path: "interval95.regret.worst"]?.listValue?.count == 2)
    #expect(method[path: "runs"]?.listValue?[0][path: "regret.conditions"]?.tableValue?["image-missing"] != nil)
    let specialist = try #require(tree[path: "specialists"]?.tableValue?["image-missing"])
    #expect(specialist[path: "method"] == "joint" && specialist[path: "settings"] == ["data.modalities=[text]"])
    #expect(abs((specialist[path: "score"]?.numberValue ?? 0) - 0.71) < 1e-12)
    #expect(specialist[path: "interval95"]?.listValue?.count == 2)
    #expect(try ComparisonResults(json: results.json()) == results)
  }

  @Test("results from before there were specialists are read, and have none")
  func older() throws {
    let text = """
      {"dataset": "d", "metric": "accuracy", "conditions": ["full"], "methods": [{"name": "m", "settings": {},
       "runs": [{"seed": 0, "scores": {"full": 0.5}}], "mean": {"scores": {"full": 0.5}}}], "tests": [], "notes": []}
      """
    let results = try ComparisonResults(json: text)
    #expect(results.specialists.isEmpty)
    let row = try #require(results.method("m"))
    #expect(row.mean.regret.isEmpty && row.worstRegret == nil && row.stands == nil && row.sees == ["clean"])
  }

  @Test("a smaller gap is better only where the average is not lower, a larger one worse only where it is not higher")
  func gaps() throws {
    func worth(_ shift: (Double, Double)) throws -> ComparisonResults.Worth {
      let wobble = [0.001, -0.001, 0, 0.0005, -0.0005]
      func runs(_ name: String, _ values: (Double, Double)) -> MethodRuns {
        Self.runs(name, wobble.map { [0.8, values.0 + $0, values.1 - $0 / 2] })
      }
      let results = ComparisonResults(
        dataset: "d", metric: "accuracy", modalities: ["image", "text"], conditions: Self.conditions,
        methods: [
          Self.runs("joint", wobble.map { _ in [0.8, 0.7, 0.5] }), runs("m", (0.7 + shift.0, 0.5 + shift.1)),
        ])
      return results.worth(of: try #require(results.test("joint", "m", "gap.missing")))
    }
    #expect(try worth((0, 0.1)) == .better)
    #expect(try worth((-0.1, 0)) == .neither)
    #expect(try worth((0, -0.1)) == .worse)
    #expect(try worth((0.1, 0)) == .neither)
  }

  @Test("what can be told grows with seeds and samples, shrinks with methods, and is nothing with one seed")
  func discernible() throws {
    func points(_ seeds: Int, _ samples: Int, _ methods: Int) throws -> Double {
      try #require(Discernible.difference(seeds: seeds, samples: samples, methods: methods))
    }
    #expect(Discernible.difference(seeds: 1, samples: 300, methods: 2) == nil)
    #expect(try points(10, 317, 2) < points(3, 317, 2))
    #expect(try points(3, 3170, 2) < points(3, 317, 2))
    #expect(try points(3, 317, 2) < points(3, 317, 27))
    // 3 seeds, 27 methods: t with 2 degrees of freedom at 0.05 / 54 is 23.2, of 0.58 points.
    let value = try points(3, 317, 27)
    #expect(value > 0.14 && value < 0.17, "\(value)")
  }
}
