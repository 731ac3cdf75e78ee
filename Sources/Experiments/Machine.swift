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
