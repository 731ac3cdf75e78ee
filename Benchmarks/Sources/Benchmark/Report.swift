import Foundation
import Seesaw

/// The whole benchmark: its tables, and where they go.
final class Report {
  private let quick: Bool
  private let rounds: Int
  private let threads: Int
  private let program: URL?
  private let reference: Reference
  private let scratch: URL
  private var tables: [Table] = []
  private var times: [String: Times] = [:]
  private var targets: [Target] = []

  /// Something that was promised.
  private struct Target: Codable {
    let what: String
    let wanted: String
    let found: String
    let isHit: Bool?
  }

  /// What is kept of a run for machines to read.
  private struct Results: Codable {
    let processor: String
    let cores: Int
    let threads: Int
    let libtorch: String
    let seesaw: String
    let quick: Bool
    let tables: [Table]
    let targets: [Target]
    /// Seconds by section, contestant and round.
    let times: [String: Times]
  }

  init(_ arguments: Arguments, _ reference: Reference) throws {
    quick = arguments.quick
    threads = try arguments.number("threads") ?? ProcessInfo.processInfo.activeProcessorCount
    rounds = try arguments.number("rounds") ?? (quick ? 3 : 9)
    program = arguments.options["program"].map { URL(filePath: $0) }
    self.reference = reference
    scratch = FileManager.default.temporaryDirectory.appending(path: "seesaw-benchmark-\(UUID().uuidString)")
  }

  func run() throws {
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    Runtime.setThreads(threads)
    try reference.ask(["do": "threads", "count": .int(threads)])
    print(headline + "\n")

    try steps(Self.paper, .paper, ours: MethodRegistry.names, isPaper: true)
    try stages(.paper)
    if !quick {
      try steps("small", .small, ours: Reference.methods)
      try steps("wide", .wide, ours: Reference.methods)
    }
    try epochs()
    try growth()
    try comparison()
    try start()
    if !quick { try streaming() }
    finish()
  }

  /// Only the steps of some methods, which tells in seconds what a change has brought.
  func steps(of methods: [String], _ shape: Shape) throws {
    Runtime.setThreads(threads)
    try reference.ask(["do": "threads", "count": .int(threads)])
    print(headline + "\n")
    try steps("some methods", shape, ours: methods, against: methods)
    try stages(shape)
  }

  /// A step of every method in the paper's shape, without the other contestants, and the costs that follow.
  func costs() throws {
    Runtime.setThreads(threads)
    print(headline + "\n")
    try steps(Self.paper, .paper, ours: MethodRegistry.names, against: [])
    try replaceCosts()
  }

  private var headline: String {
    "\(Self.processor), \(threads) \(threads == 1 ? "thread" : "threads") of "
      + "\(ProcessInfo.processInfo.activeProcessorCount) cores, libtorch \(Runtime.version) on both sides, "
      + "\(rounds) rounds; the median, and between which values the middle half lies"
  }

  static let processor: String = {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    let model = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
    return model?.trimmingCharacters(in: .whitespaces) ?? "unknown processor"
  }()

  private static let hasAMX =
    (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.contains("amx_bf16") ?? false

  private func add(_ table: Table) {
    tables.append(table)
    print(table.text)
  }

  private func target(_ what: String, _ wanted: String, _ ratio: Spread?, holds: (Double) -> Bool) {
    targets.append(
      Target(what: what, wanted: wanted, found: ratio?.words() ?? "not measured", isHit: ratio.map { holds($0.median) })
    )
  }

  // MARK: Steps

  private func steps(
    _ title: String, _ shape: Shape, ours: [String], against eager: [String] = Reference.methods, isPaper: Bool = false
  ) throws {
    var contestants: [Contestant] = []
    // A block takes about as long whatever the shape.
    let count = max(1, 10 * Shape.paper.work / shape.work / (quick ? 2 : 1))
    func time(_ body: @escaping () throws -> Void) -> () throws -> Double {
      { try seconds { for _ in 0..<count { try body() } } / Double(count) }
    }
    let products = try Products(shape, .float32)
    contestants.append(Contestant(name: "products/joint", block: time { try products.joint() }))
    contestants.append(Contestant(name: "products/balgrad", block: time { try products.balgrad() }))
    var leftOut: [String] = []
    for name in ours {
      do {
        let candidate = try Candidate(name, shape)
        try candidate.prepare()
        try candidate.step()
        contestants.append(Contestant(name: name) { try candidate.time(steps: count) })
      } catch { leftOut.append("\(name): \(Diagnosis(describing: error).what)") }
    }
    for name in eager where Reference.methods.contains(name) {
      try reference.make("\(title)/\(name)", name, shape, precision: "float32")
      contestants.append(
        Contestant(name: "eager/\(name)") { [reference] in
          try reference.seconds(["do": "steps", "name": .string("\(title)/\(name)"), "count": .int(count)])
            / Double(count)
        })
    }
    if isPaper { contestants += try reduced(shape, count) }
    let times = try race(contestants, rounds: rounds)
    try reference.ask(["do": "forget"])
    self.times["steps, \(title)"] = times

    let joint = times["joint"] ?? []
    var table = Table(
      title: "A step, \(title): \(shape.words)",
      columns: [
        "method", "ms", "against joint's bare products", "against our joint", "eager PyTorch, ms", "eager against ours",
      ])
    let more = isPaper ? ["products/bfloat16", "joint, bfloat16", "balgrad, bfloat16"] : []
    for name in ["products/joint", "products/balgrad"] + ours + more {
      guard let own = times[name] else { continue }
      let eager = times["eager/\(name)"]
      let label = name.hasPrefix("products/") ? "*bare products, \(name.dropFirst("products/".count))*" : name
      table.rows.append([
        label, number(1e3 * Spread(own).median), Spread(own, over: times["products/joint"] ?? []).words(),
        Spread(own, over: joint).words(), eager.map { number(1e3 * Spread($0).median) } ?? "",
        eager.map { Spread($0, over: own).words() } ?? "",
      ])
    }
    // What eager would need if nothing but its products took time.
    let bounds = ["joint", "balgrad"].compactMap { name in
      times["eager/\(name)"].map { (name, Spread($0, over: times["products/\(name)"] ?? [])) }
    }
    table.note =
      bounds.map { "Eager \($0) takes \($1.words()) times its bare products: nobody can be faster than it by more." }
      .joined(separator: " ") + (leftOut.isEmpty ? "" : " Left out: \(leftOut.joined(separator: "; ")).")
    add(table)
    guard isPaper else { return }
    target("joint step against its bare products", "≤ 1.3", Spread(joint, over: times["products/joint"] ?? [])) {
      $0 <= 1.3
    }
    let balgrad = times["balgrad"] ?? []
    target("BalGrad step against our joint step", "≤ 1.6", Spread(balgrad, over: joint)) { $0 <= 1.6 }
    target("Fulcrum step against our joint step", "≤ 1.3", Spread(times["fulcrum"] ?? [], over: joint)) { $0 <= 1.3 }
    if Self.hasAMX {
      target(
        "BalGrad step in float32 against bfloat16", "≥ 1.5", Spread(balgrad, over: times["balgrad, bfloat16"] ?? [])
      ) {
        $0 >= 1.5
      }
    }
    target("eager BalGrad step against ours", "≥ 3", Spread(times["eager/balgrad"] ?? [], over: balgrad)) { $0 >= 3 }
    for (name, bound) in bounds where name == "balgrad" {
      targets.append(
        Target(
          what: "eager BalGrad step against the bare products, the most there is to win", wanted: "–",
          found: bound.words(), isHit: nil))
    }
  }

  /// What a BalGrad step spends its time on.
  private func stages(_ shape: Shape) throws {
    let products = try Products(shape, .float32)
    let stages = Stages(try Candidate("balgrad", shape))
    _ = try stages.time(steps: 3)
    var bare: [Double] = []
    var parts = [[Double]](repeating: [], count: Stages.names.count)
    for _ in 0..<rounds {
      bare.append(try seconds { for _ in 0..<5 { try products.balgrad() } } / 5)
      for (part, time) in try stages.time(steps: 5).enumerated() { parts[part].append(time) }
    }
    var table = Table(
      title: "Where a BalGrad step goes, \(shape.words)", columns: ["part", "ms", "against all its bare products"])
    for (name, times) in zip(Stages.names, parts) {
      table.rows.append([name, number(1e3 * Spread(times).median), Spread(times, over: bare).words()])
    }
    add(table)
    try library(products)
  }

  /// What the library's products reach, one by one and side by side.
  private func library(_ products: Products) throws {
    let indices = Products.names.indices
    let times = try race(
      indices.flatMap { stage in
        [
          Contestant(name: "one \(stage)") { try seconds { for _ in 0..<10 { try products.oneByOne(stage) } } / 10 },
          Contestant(name: "side \(stage)") { try seconds { for _ in 0..<10 { try products.sideBySide(stage) } } / 10 },
        ]
      }, rounds: rounds)
    var table = Table(
      title: "The products of a BalGrad step, GFLOP/s", columns: ["stage", "one by one", "side by side", "faster"])
    for stage in indices {
      let (one, side) = (times["one \(stage)"] ?? [], times["side \(stage)"] ?? [])
      let work = products.operations(stage) / 1e9
      table.rows.append([
        Products.names[stage], number(work / Spread(one).median, 0), number(work / Spread(side).median, 0),
        Spread(one, over: side).words(),
      ])
    }
    add(table)
  }

  /// What bfloat16 brings on this processor: to the bare products, to two of our steps, and to the reference's.
  private func reduced(_ shape: Shape, _ count: Int) throws -> [Contestant] {
    let products = try Products(shape, .bfloat16)
    var contestants = [
      Contestant(name: "products/bfloat16") {
        try seconds { for _ in 0..<count { try products.joint() } } / Double(count)
      }
    ]
    for name in ["joint", "balgrad"] {
      let candidate = try Candidate(name, shape, precision: .bfloat16)
      contestants.append(Contestant(name: "\(name), bfloat16") { try candidate.time(steps: count) })
      let theirs = "bfloat16/\(name)"
      try reference.make(theirs, name, shape, precision: "bfloat16")
      contestants.append(
        Contestant(name: "eager/\(name), bfloat16") { [reference] in
          try reference.seconds(["do": "steps", "name": .string(theirs), "count": .int(count)]) / Double(count)
        })
    }
    return contestants
  }

  // MARK: Epochs

  private func epochs() throws {
    let shape = Shape.paper
    let samples = quick ? 3_000 : 12_000
    let folder = scratch.appending(path: "epochs")
    try Made(samples: samples, held: 1_000, shape, epochs: 1).write(to: folder)
    let data = try FeatureSet(at: folder).train.prepared(.float32, on: .cpu)

    var contestants: [Contestant] = []
    try reference.ask(["do": "data", "shape": try Tree(json: shape.json), "samples": .int(samples)])
    for name in Reference.methods {
      let candidate = try Candidate(name, shape)
      contestants.append(Contestant(name: name) { try candidate.epoch(over: data) })
      try reference.make("epoch/\(name)", name, shape, precision: "float32")
      for workers in [0, 2] {
        contestants.append(
          Contestant(name: "eager \(workers)/\(name)") { [reference] in
            try reference.seconds(["do": "epoch", "name": .string("epoch/\(name)"), "workers": .int(workers)])
          })
      }
    }
    let times = try race(contestants, rounds: quick ? 1 : 3)
    try reference.ask(["do": "forget"])
    self.times["epochs"] = times
    var table = Table(
      title: "An epoch of \(samples) samples, the paper's shape: \(shape.words)",
      columns: ["method", "seconds", "eager, no workers", "eager, 2 workers", "faster eager against ours"],
      note: "Ours is the trainer over features mapped from a file; eager is a DataLoader over tensors in memory.")
    for name in Reference.methods {
      let own = times[name] ?? []
      let (none, two) = (times["eager 0/\(name)"] ?? [], times["eager 2/\(name)"] ?? [])
      let faster = Spread(none).median < Spread(two).median ? none : two
      table.rows.append([
        name, number(Spread(own).median), number(Spread(none).median), number(Spread(two).median),
        Spread(faster, over: own).words(),
      ])
      if name == "balgrad" {
        target("eager BalGrad epoch (the faster of both) against ours", "≥ 4", Spread(faster, over: own)) { $0 >= 4 }
      }
    }
    add(table)
    try otherEpochs(data, samples, shape)
  }

  /// Methods that have no reference, once each: what they do between epochs and before is in it.
  private func otherEpochs(_ data: FeatureSplit, _ samples: Int, _ shape: Shape) throws {
    let share = SampleShare(of: data, count: samples / 4)
    let joint = try Candidate("joint", shape)
    var table = Table(
      title: "An epoch of \(share.count) samples through the trainer, with all that a method does besides its steps",
      columns: ["method", "seconds", "against joint"])
    var contestants = [Contestant(name: "joint") { try joint.epoch(over: share) }]
    for name in MethodRegistry.names where !Reference.methods.contains(name) {
      contestants.append(
        Contestant(name: name) {
          // What prepares once would be prepared already the second time.
          try Candidate(name, shape).epoch(over: share)
        })
    }
    let times = try race(contestants, rounds: quick ? 1 : 2)
    self.times["epochs of the others"] = times
    for contestant in contestants {
      let own = times[contestant.name] ?? []
      table.rows.append([
        contestant.name, number(Spread(own).median), Spread(own, over: times["joint"] ?? []).words(),
      ])
    }
    add(table)
  }

  // MARK: Growth

  private func growth() throws {
    let base = Shape(width: 256, hidden: 256, classes: 32)
    try grow(
      "modalities, \(base.words)", [2, 3, 4, 5, 6, 7, 8],
      of: ["joint", "balgrad", "balgrad, consensus", "fulcrum"]
    ) { count, method in
      var shape = base
      shape.modalities = count
      let settings: Tree = method.hasSuffix("consensus") ? ["kl": ["partner": "consensus"]] : .table([:])
      let candidate = try Candidate(
        method.split(separator: ",").first.map(String.init) ?? "", shape, settings: settings)
      return Contestant(name: "\(method) \(count)") { try candidate.time(steps: 10) }
    }
    try grow("classes, \(base.words)", [32, 128, 512, 2048], of: ["joint", "balgrad"]) { count, method in
      var shape = base
      shape.classes = count
      let candidate = try Candidate(method, shape)
      return Contestant(name: "\(method) \(count)") { try candidate.time(steps: 10) }
    }
    let largest = quick ? 8_192 : 32_768
    var made = MadeFeatures()
    (made.samples, made.held, made.shape) = (largest, 256, base)
    let folder = scratch.appending(path: "growth")
    try made.write(to: folder)
    let data = try FeatureSet(at: folder).train.prepared(.float32, on: .cpu)
    try grow(
      "samples of an epoch, \(base.words)", [largest / 8, largest / 4, largest / 2, largest], of: ["joint", "balgrad"]
    ) { count, method in
      let candidate = try Candidate(method, base)
      let share = SampleShare(of: data, count: count)
      return Contestant(name: "\(method) \(count)") { try candidate.epoch(over: share) }
    }
  }

  private func grow(
    _ what: String, _ sizes: [Int], of methods: [String], _ make: (Int, String) throws -> Contestant
  ) throws {
    let contestants = try sizes.flatMap { size in try methods.map { try make(size, $0) } }
    let times = try race(contestants, rounds: rounds)
    self.times["growth with \(what)"] = times
    var table = Table(
      title: "Time by number of \(what)", columns: ["number", "linear"] + methods,
      note: "Against the first row; below linear is what does not depend on the number.")
    for size in sizes {
      table.rows.append(
        ["\(size)", number(Double(size) / Double(sizes[0]))]
          + methods.map { Spread(times["\($0) \(size)"] ?? [], over: times["\($0) \(sizes[0])"] ?? []).words() })
    }
    add(table)
  }

  // MARK: Comparison

  private func comparison() throws {
    let made = quick ? Made(samples: 2_000, held: 200, Shape(classes: 20), epochs: 1) : Made.comparison
    let (shape, samples, epochs, seeds) = (made.features.shape, made.features.samples, made.epochs, quick ? 2 : 3)
    let methods = Made.methods
    let folder = scratch.appending(path: "compared")
    try made.write(to: folder)
    var scores: [String: Double] = [:]
    var theirs: [String: Double] = [:]
    var turn = 0
    let times = try race(
      [
        Contestant(name: "ours") { [scratch, threads] in
          turn += 1
          let request = made.request(folder, out: scratch.appending(path: "runs-\(turn)"), seeds: seeds)
          let time = try seconds {
            let results = try Experiment.compare(request)
            for row in results.methods { scores[row.name] = row.mean.scores[Condition.full] }
          }
          // Runs compute on one thread each, and leave it set.
          Runtime.setThreads(threads)
          return time
        },
        Contestant(name: "eager") { [reference] in
          let answer = try reference.ask([
            "do": "compare", "folder": .string(folder.path), "methods": .list(methods.map(Tree.string)),
            "modalities": .list(shape.names.map { .string($0.name) }), "seeds": .int(seeds), "epochs": .int(epochs),
            "batch": .int(shape.batch), "hidden": .int(shape.hidden), "classes": .int(shape.classes),
          ])
          for method in methods {
            let found = (0..<seeds).compactMap {
              answer[path: "scores"]?.tableValue?["\(method)/\($0)"]?.listValue?.first?.numberValue
            }
            theirs[method] = found.reduce(0, +) / Double(found.count)
          }
          return answer[path: "seconds"]?.numberValue ?? .nan
        },
      ], rounds: quick ? 1 : 2)
    self.times["comparison"] = times
    let (ours, eager) = (times["ours"] ?? [], times["eager"] ?? [])
    var table = Table(
      title: "A comparison of \(methods.count) methods × \(seeds) seeds: \(samples) samples, \(epochs) "
        + "\(epochs == 1 ? "epoch" : "epochs"), \(shape.words)",
      columns: ["", "seconds"] + methods.map { "\($0), accuracy" })
    table.rows = [
      ["seesaw compare", number(Spread(ours).median, 1)] + methods.map { number(100 * (scores[$0] ?? .nan), 1) },
      ["eager PyTorch", number(Spread(eager).median, 1)] + methods.map { number(100 * (theirs[$0] ?? .nan), 1) },
    ]
    table.note =
      "Eager against ours: \(Spread(eager, over: ours).words()). Both validate after every epoch, keep the best "
      + "weights and test with each modality missing; ours also checks and digests the data, records every step and "
      + "computes Shapley values."
    add(table)
    target("eager comparison against ours", "≥ 5", Spread(eager, over: ours)) { $0 >= 5 }
  }

  // MARK: Starting

  private func start() throws {
    guard let program else { return }
    var made = MadeFeatures()
    (made.samples, made.held, made.shape) = (256, 64, .small)
    let folder = scratch.appending(path: "start")
    try made.write(to: folder)
    let commands: [(String, [String])] = [
      ("--version", ["--version"]), ("--help", ["--help"]), ("methods", ["methods"]),
      (
        "train, one epoch of 8 steps",
        [
          "train", folder.path, "--method", "joint", "--again", "--out", scratch.appending(path: "started").path,
          "--quiet", "--set", "training.epochs=1", "--set", "training.batch_size=32",
        ]
      ),
    ]
    let times = try race(
      commands.map { name, arguments in
        Contestant(name: name) {
          let process = Process()
          process.executableURL = program
          process.arguments = arguments
          process.standardOutput = FileHandle.nullDevice
          process.standardError = FileHandle.nullDevice
          // waitUntilExit looks twenty times a second.
          let ended = DispatchSemaphore(value: 0)
          process.terminationHandler = { _ in ended.signal() }
          return try seconds {
            try process.run()
            ended.wait()
            guard process.terminationStatus == 0 else { throw BenchmarkError("seesaw \(name) failed") }
          }
        }
      }, rounds: rounds)
    self.times["start"] = times
    var table = Table(title: "Starting the command", columns: ["seesaw …", "seconds"])
    for (name, _) in commands { table.rows.append([name, Spread(times[name] ?? []).words()]) }
    add(table)
    target("seconds until seesaw --help has answered", "< 0.3", Spread(times["--help"] ?? [])) { $0 < 0.3 }
  }

  // MARK: Streaming

  private func streaming() throws {
    let folder = scratch.appending(path: "stream")
    var made = MadeFeatures()
    (made.samples, made.held) = (200_000, 128)
    try made.write(to: folder)
    defer { Runtime.setThreads(threads) }
    add(try Streaming(folder: folder).table(rounds: 3))
    try FileManager.default.removeItem(at: folder)
  }

  // MARK: The end

  private func finish() {
    if !Self.hasAMX {
      targets.append(
        Target(what: "bfloat16 against float32, with AMX", wanted: "≥ 1.5", found: "no AMX here", isHit: nil))
    }
    var table = Table(title: "Targets", columns: ["what", "wanted", "found", ""])
    for target in targets {
      table.rows.append([
        target.what, target.wanted, target.found, target.isHit.map { $0 ? "hit" : "**miss**" } ?? "–",
      ])
    }
    print(table.text)
    tables.insert(table, at: 0)

    let name = Self.processor.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" }
    let base = Benchmark.folder.appending(path: "results-\(String(name))\(quick ? "-quick" : "")")
    let text = ([headline + ".\n"] + tables.map(\.markdown)).joined(separator: "\n")
    let results = Results(
      processor: Self.processor, cores: ProcessInfo.processInfo.activeProcessorCount, threads: threads,
      libtorch: Runtime.version, seesaw: Experiment.version, quick: quick, tables: tables, targets: targets,
      times: times)
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(results).write(to: base.appendingPathExtension("json"), options: .atomic)
      try Data(text.utf8).write(to: base.appendingPathExtension("md"), options: .atomic)
      print("wrote \(base.lastPathComponent).json and .md")
      if !quick {
        try Self.replace("tables", by: text)
        try replaceCosts()
      }
    } catch { print("nothing was written: \(error)") }
  }

  /// Writes the costs that the methods' cards show.
  private func replaceCosts() throws {
    guard let times = times["steps, \(Self.paper)"], let joint = times["joint"] else { return }
    let lines = MethodRegistry.names.compactMap { name in
      times[name].map { "    \"\(name)\": \(number(Spread($0, over: joint).median))," }
    }
    let text = """
      /// What a step of each method cost when it was last measured, as a multiple of joint training's: `make bench` writes it.
      enum MethodCosts {
        static let measured: [String: Double] = [
      \(lines.joined(separator: "\n"))
        ]
      }

      """
    let url = Benchmark.folder.appending(path: "../Sources/Balancing/MethodCosts.swift")
    try Data(text.utf8).write(to: url, options: .atomic)
    print("renewed Sources/Balancing/MethodCosts.swift: make docs puts it on the methods' pages")
  }

  private static let paper = "paper's shape"

  /// Puts a text where the README has its marks.
  static func replace(_ what: String, by text: String) throws {
    let url = Benchmark.folder.appending(path: "README.md")
    let page = try String(contentsOf: url, encoding: .utf8)
    guard let begin = page.range(of: "<!-- \(what) -->\n"), let end = page.range(of: "<!-- end of \(what) -->") else {
      throw BenchmarkError("README.md has lost the marks between which the \(what) stand")
    }
    let new = page[..<begin.upperBound] + "\n" + text + "\n" + page[end.lowerBound...]
    try Data(new.utf8).write(to: url, options: .atomic)
    print("renewed the \(what) of Benchmarks/README.md")
  }
}

extension Shape {
  /// Multiplications of a joint step, about.
  var work: Int { batch * modalities * hidden * (2 * width + 3 * classes) }
}

/// The first samples of a split.
struct SampleShare: BatchSource {
  let whole: FeatureSplit
  let count: Int

  init(of whole: FeatureSplit, count: Int) {
    self.whole = whole
    self.count = min(count, whole.count)
  }

  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch { try whole.batch(visits) }
}
