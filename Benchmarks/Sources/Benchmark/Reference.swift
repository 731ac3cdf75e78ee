import Foundation
import Seesaw

/// The PyTorch process that takes turns with us.
///
/// It reads one request a line and answers with one line, and so works only while we wait.
final class Reference {
  private let process = Process()
  private let requests = Pipe()
  private let answers = Pipe()
  private var waiting = Data()

  static let methods = ["joint", "uniform", "ogm-ge", "agm", "mmpareto", "balgrad"]

  /// - Parameters:
  ///   - python: an interpreter that has PyTorch.
  ///   - folder: where the reference's files are.
  init(python: URL, folder: URL) throws {
    process.executableURL = python
    process.arguments = ["-B", "worker.py"]
    process.currentDirectoryURL = folder
    process.standardInput = requests
    process.standardOutput = answers
    try process.run()
  }

  deinit {
    try? requests.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  @discardableResult
  func ask(_ request: Tree) throws -> Tree {
    try requests.fileHandleForWriting.write(contentsOf: Data((request.json() + "\n").utf8))
    while true {
      if let end = waiting.firstIndex(of: 10) {
        let line = String(decoding: waiting[..<end], as: UTF8.self)
        waiting = Data(waiting[(end + 1)...])
        return try Tree(json: line)
      }
      let more = answers.fileHandleForReading.availableData
      guard !more.isEmpty else { throw BenchmarkError("the reference ended; what it said is above") }
      waiting += more
    }
  }

  /// Seconds of what was asked for.
  func seconds(_ request: Tree) throws -> Double {
    guard let seconds = try ask(request)[path: "seconds"]?.numberValue else {
      throw BenchmarkError("the reference gave no time")
    }
    return seconds
  }

  /// Makes a model and a batch under a name.
  func make(_ name: String, _ method: String, _ shape: Shape, precision: String) throws {
    try ask([
      "do": "make", "name": .string(name), "method": .string(method), "shape": try Tree(json: shape.json),
      "precision": .string(precision),
    ])
  }
}

struct BenchmarkError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
