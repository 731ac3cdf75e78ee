import Foundation
import Seesaw

/// Where the time of a step, an epoch and a comparison goes, as `perf` sees it: each is run alone in a process of its own,
/// and samples are put in groups by the function that was running.
struct Profile {
  /// What is looked at.
  enum Work: String, CaseIterable {
    case step, epoch, comparison

    var title: String {
      switch self {
      case .step: "a BalGrad step"
      case .epoch: "a BalGrad epoch"
      case .comparison: "a comparison"
      }
    }
  }

  /// Functions that belong together, by parts of their names and of their libraries'; the first group that fits counts.
  private static let groups: [(name: String, parts: String)] = [
    ("matrix products", "gemm gemv mkl_ dnnl"),
    ("optimizer", "fused_adam fused_sgd"),
    ("noise and its width (OGM-GE)", "namespace)::draw namespace)::measure ctorch_disturbed"),
    ("page faults", "clear_page _fault folio unmap_ zap_ rmqueue lru_ charge"),
    ("gathering and copying", "index_select memmove memcpy copy_kernel direct_copy"),
    ("memory", "malloc _int_free cfree calloc memalign unlink_chunk operator\u{a0}new operator\u{a0}delete"),
    ("digests", "sha256"),
    ("starting", "_dl_ do_lookup OperatorEntry Dispatcher FunctionSchema OperatorName Library::"),
    ("losses and other numbers", "softmax Sleef _kernel VectorizedLoop vec:: loop_2d vectorized_"),
    ("calls of libtorch, graphs", "libtorch libc10 libstdc libm. libc. ld-linux"),
    (waiting, "libgomp libomp"),
    ("kernel, other", "[kernel"),
    ("Swift and our own code", "swift Foundation ICU seesaw Benchmark"),
  ]

  private static let waiting = "*of all samples: waiting for another thread*"

  let scratch: URL
  let threads: Int

  func run() throws {
    guard Self.perf(["--version"]) != nil else {
      throw BenchmarkError(
        "there is no perf, which a profile is made with: on Debian and Ubuntu apt-get install linux-perf; on macOS "
          + "there is none")
    }
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    try Made.epoch.write(to: scratch.appending(path: "epoch"))
    try Made.comparison.write(to: scratch.appending(path: "comparison"))
    var shares: [[String: Double]] = []
    for work in Work.allCases { shares.append(try share(work)) }
    // Threads wait in loops, and for whoever else is on the machine: what they do is the rest.
    for (position, found) in shares.enumerated() {
      let working = 100 - found[Self.waiting, default: 0]
      for (name, share) in found where name != Self.waiting { shares[position][name] = 100 * share / max(working, 1) }
    }
    var table = Table(
      title: "Shares of the samples at work, %: the paper's shape, in the comparison with C = 20",
      columns: ["group"] + Work.allCases.map(\.title))
    for name in Self.groups.map(\.name).filter({ $0 != Self.waiting }) + ["other", Self.waiting] {
      let row = shares.map { $0[name, default: 0] }
      guard row.contains(where: { $0 >= 0.05 }) else { continue }
      table.rows.append([name] + row.map { number($0, 1) })
    }
    table.note = "\(Report.processor), \(threads) \(threads == 1 ? "thread" : "threads"), libtorch \(Runtime.version)."
    print(table.text)
    try Report.replace("profile", by: table.markdown)
  }

  private func share(_ work: Work) throws -> [String: Double] {
    let file = scratch.appending(path: "\(work).perf").path
    guard
      Self.perf([
        "record", "--quiet", "--freq", "499", "--output", file, "--", Self.program, "work", work.rawValue, scratch.path,
        "--threads", "\(threads)",
      ]) != nil,
      let report = Self.perf([
        "report", "--input", file, "--no-children", "--sort", "dso,symbol", "--stdio", "--percent-limit", "0",
        "--field-separator", "\t",
      ])
    else { throw BenchmarkError("perf could not follow \(work.title): see kernel.perf_event_paranoid") }
    var shares: [String: Double] = [:]
    for line in report.split(separator: "\n") where !line.hasPrefix("#") {
      let fields = line.split(separator: "\t", maxSplits: 2).map { $0.trimmingCharacters(in: .whitespaces) }
      guard fields.count == 3, let share = Double(fields[0].replacing("%", with: "")) else { continue }
      let place = "\(fields[2]) \(fields[1])".replacing("operator ", with: "operator\u{a0}")
      let group = Self.groups.first { $0.parts.split(separator: " ").contains { place.contains($0) } }
      shares[group?.name ?? "other", default: 0] += share
    }
    return shares
  }

  private static let program = Bundle.main.executablePath ?? CommandLine.arguments[0]

  /// What perf prints; nil where it is not there or fails.
  private static func perf(_ arguments: [String]) -> String? {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["perf"] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
  }

  /// What a profiled process does.
  static func work(_ work: Work, in folder: URL) throws {
    switch work {
    case .step:
      let candidate = try Candidate("balgrad", .paper)
      for _ in 0..<500 { try candidate.step() }
    case .epoch:
      let data = try FeatureSet(at: folder.appending(path: "epoch")).train.prepared(.float32, on: .cpu)
      let candidate = try Candidate("balgrad", .paper)
      for _ in 0..<5 { _ = try candidate.epoch(over: data) }
    case .comparison:
      _ = try Experiment.compare(
        Made.comparison.request(folder.appending(path: "comparison"), out: folder.appending(path: "runs"), seeds: 1))
    }
  }
}

/// What is measured whole, and looked at in a profile.
struct Made {
  let features: MadeFeatures
  let epochs: Int

  static let epoch = Made(samples: 12_000, held: 1_000, .paper, epochs: 1)
  static let comparison = Made(samples: 20_000, held: 2_000, Shape(classes: 20), epochs: 2)

  static let methods = ["joint", "uniform", "ogm-ge", "mmpareto", "balgrad"]

  init(samples: Int, held: Int, _ shape: Shape, epochs: Int) {
    var features = MadeFeatures()
    (features.samples, features.held, features.shape) = (samples, held, shape)
    self.features = features
    self.epochs = epochs
  }

  func write(to folder: URL) throws { try features.write(to: folder) }

  /// A comparison over the features in a folder.
  func request(_ folder: URL, out: URL, seeds: Int) -> CompareRequest {
    var request = CompareRequest(data: folder, methods: Self.methods, seeds: seeds, out: out)
    request.settings = [
      "training.epochs=\(epochs)", "training.batch_size=\(features.shape.batch)",
      "model.embedding_width=\(features.shape.hidden)",
    ]
    return request
  }
}
