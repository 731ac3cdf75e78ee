import Foundation
import Records
import Torch

/// What this process runs on.
enum Machine {
  /// The processor's model, as the system names it.
  static let processor: String = {
    #if os(Linux)
      let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
      if let line = lines.first(where: { $0.hasPrefix("model name") }), let name = line.split(separator: ":").last {
        return name.trimmingCharacters(in: .whitespaces)
      }
    #endif
    return "\(ProcessInfo.processInfo.activeProcessorCount) cores"
  }()

  /// What the processor computes with, and a mark of what comes of it, as `avx512 5f0c81aa`: the widest vectors of
  /// libtorch's loops, and the beginning of a digest of products, sums and functions of the same numbers everywhere.
  ///
  /// libtorch and the libraries in it choose their code by the processor, so that the same model and vectors of one width do
  /// not say yet that the last bits agree; the mark says where they do not. Where libtorch fails there is none.
  static let arithmetic: String = {
    let vectors = Runtime.vectors
    guard let results = try? results() else { return vectors }
    return "\(vectors) \(FileDigest.hex(SHA256.hash(data: results)).prefix(8))"
  }()

  private static func results() throws -> [UInt8] {
    func matrix(_ rows: Int, _ columns: Int, _ step: Int) throws -> Tensor {
      let values = (0..<rows * columns).map { Float(($0 * step) % 1009) / 1009 - 0.5 }
      return try Tensor(values, shape: [rows, columns])
    }
    let (x, w, v) = (try matrix(64, 600, 31), try matrix(600, 80, 57), try matrix(80, 70, 83))
    return try withoutGradients {
      let hidden = try x.matmul(w)
      let logits = try hidden.tanh().matmul(v)
      let made = [
        hidden, logits, try logits.softmax(1), try logits.logSoftmax(1), try hidden.exp().sum(), try hidden.softmax(0),
        try hidden.transposed().matmul(logits),
      ]
      return try made.flatMap { try $0.bytes() }
    }
  }

  /// What somebody should know of a run that other arithmetic began or made; nil where it is the same, or not known.
  static func note(on record: RunRecord, here: String = arithmetic) -> String? {
    guard let before = record.arithmetic, before != here else { return nil }
    return "this processor computes differently from the one that this run was begun on (\(before) then, \(here) now): "
      + "its last digits will differ"
  }

  /// Bytes that this process may hold, as far as the system says.
  static let memory: Int = {
    let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    // What a container is allowed.
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap {
      (try? String(contentsOfFile: $0, encoding: .utf8)).flatMap {
        Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
      }
    }
    return ([physical] + limits).min() ?? physical
  }()

  static let platform: String = {
    #if os(Linux)
      let system = "Linux"
    #elseif os(macOS)
      let system = "macOS"
    #else
      let system = "other"
    #endif
    #if arch(x86_64)
      return "\(system) x86_64"
    #elseif arch(arm64)
      return "\(system) arm64"
    #else
      return system
    #endif
  }()
}

extension Versions {
  static var here: Versions {
    #if swift(>=6.4)
      let swift = "6.4 or later"
    #elseif swift(>=6.3)
      let swift = "6.3"
    #else
      let swift = "6.2"
    #endif
    return Versions(
      seesaw: Experiment.version, libtorch: Runtime.version, swift: swift, platform: Machine.platform)
  }
}
