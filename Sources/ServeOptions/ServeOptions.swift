public import ArgumentParser
import Foundation
import Records

/// What `seesaw serve` and the program behind it are told, so that both read the same command line.
public struct ServeOptions: ParsableArguments, Sendable {
  @Argument(help: ArgumentHelp("Folders of finished runs, each a model.", valueName: "run"), completion: .runs)
  public var runs: [String]

  @Option(
    help: ArgumentHelp(
      "The address to listen at; other machines reach 0.0.0.0, and need a proxy that guards it.", valueName: "address"))
  public var host = "127.0.0.1"

  @Option(help: ArgumentHelp("The port; 0 takes a free one.", valueName: "number"))
  public var port = 8080

  @Option(
    help: ArgumentHelp(
      "What the models are called in addresses, in their order (default: their folders' names).", valueName: "a,b"))
  public var names: String?

  @Option(help: ArgumentHelp("The most samples that go through a model together.", valueName: "number"))
  public var batch = 32

  @Option(
    help: ArgumentHelp(
      "How long a sample waits for others while the model is idle, in milliseconds.", valueName: "number"))
  public var waitMs = 0.0

  @Option(
    help: ArgumentHelp(
      "The most samples that wait for a model; further ones are answered with 503.", valueName: "number"))
  public var queue = 1024

  @Option(
    help: ArgumentHelp("The largest request, as 500kB or 16MB; larger ones are answered with 413.", valueName: "size"))
  public var maxBody = "16MB"

  @Option(
    help: ArgumentHelp(
      "The most requests a second from one address; further ones are answered with 429 (default: no limit).",
      valueName: "number"))
  public var rate: Double?

  @Option(
    help: ArgumentHelp(
      "How long a stopped server waits for its last answers to be taken, in seconds.", valueName: "number"))
  public var grace = 30.0

  @Option(help: ArgumentHelp("Threads that the models compute with (default: one a core).", valueName: "number"))
  public var threads: Int?

  @Option(
    help: ArgumentHelp(
      "Which key of a sample is what, where usual names do not say it: text=Title+Body,image=Photo.",
      valueName: "role=key,…"))
  public var columns: String?

  @Flag(inversion: .prefixedNo, help: "Treat an empty text, a black picture and silence as absent.")
  public var detectEmpty = true

  @Flag(name: [.customShort("q"), .long], help: "Say nothing but errors and warnings.")
  public var quiet = false

  public init() {}

  /// The names of the models, and their folders.
  ///
  /// - Throws: a `Diagnosis` where there are too few or too many names, or one that is none.
  public func models() throws -> [(name: String, folder: String)] {
    let given = names.map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
    }
    if let given, given.count != runs.count {
      throw Diagnosis(
        "\(given.count) names for \(runs.count) runs", place: "--names \(names ?? "")", exitStatus: .usage)
    }
    let all = given ?? runs.map { URL(filePath: $0).standardizedFileURL.lastPathComponent }
    for (place, name) in all.enumerated() {
      guard !name.isEmpty, name.utf8.count <= 100, name != ".", name != "..", name.utf8.allSatisfy(Self.isPlain) else {
        throw Diagnosis(
          "'\(name)' cannot be the name of a model in an address", found: ["letters, digits, '.', '-' and '_' can"],
          remedy: "name the models: --names a,b", exitStatus: .usage)
      }
      guard !all[..<place].contains(name) else {
        throw Diagnosis("two models are called '\(name)'", remedy: "name them apart: --names a,b", exitStatus: .usage)
      }
    }
    return zip(all, runs).map { (name: $0, folder: $1) }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// `maxBody` in bytes.
  public func bodyLimit() throws -> Int {
    let text = maxBody.lowercased()
    let units = [("kb", 1000.0), ("mb", 1e6), ("gb", 1e9), ("kib", 1024.0), ("mib", 1_048_576.0), ("b", 1.0)]
    let unit = units.first { text.hasSuffix($0.0) } ?? ("", 1)
    let number = Double(text.dropLast(unit.0.count).trimmingCharacters(in: .whitespaces))
    guard let number, number * unit.1 >= 1024, number * unit.1 <= 4e9 else {
      throw Diagnosis(
        "'\(maxBody)' is no size from 1kB to 4GB", place: "--max-body", remedy: "such as --max-body 16MB",
        exitStatus: .usage)
    }
    return Int(number * unit.1)
  }

  public func validate() throws {
    if runs.isEmpty { throw ValidationError("no run is named") }
    if !(0...65535).contains(port) { throw ValidationError("--port is \(port); ports are 0 to 65535.") }
    for (name, value) in [("--batch", batch), ("--queue", queue), ("--threads", threads ?? 1)] where value < 1 {
      throw ValidationError("\(name) is \(value); at least 1 is needed.")
    }
    for (name, value) in [("--wait-ms", waitMs), ("--grace", grace)] where !(value >= 0 && value <= 1e5) {
      throw ValidationError("\(name) is \(value); 0 to 100000 can be meant.")
    }
    if let rate, !(rate > 0 && rate <= 1e9) { throw ValidationError("--rate is \(rate); it must be above 0.") }
  }

  /// The command line that says the same.
  public var words: [String] {
    var words = ["--host", host, "--port", "\(port)", "--batch", "\(batch)", "--wait-ms", "\(waitMs)"]
    words += ["--queue", "\(queue)", "--max-body", maxBody, "--grace", "\(grace)"]
    if let names { words += ["--names", names] }
    if let rate { words += ["--rate", "\(rate)"] }
    if let threads { words += ["--threads", "\(threads)"] }
    if let columns { words += ["--columns", columns] }
    words.append(detectEmpty ? "--detect-empty" : "--no-detect-empty")
    if quiet { words.append("--quiet") }
    return words + ["--"] + runs
  }
}
