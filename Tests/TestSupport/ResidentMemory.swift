import Foundation

/// The memory that this process has in use.
public enum ResidentMemory {
  /// Bytes now; on other systems than Linux, the most there ever were.
  public static var bytes: Int {
    #if os(Linux)
      // The second number is the resident pages.
      let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
      let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
      return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    #else
      var usage = rusage()
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #endif
  }
}
