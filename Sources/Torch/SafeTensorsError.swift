#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Why a safetensors file could not be read or written.
public struct SafeTensorsError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Problem: Equatable, Sendable {
    /// The file cannot be opened; the system's reason.
    case unreadable(String)
    /// The file ends early: the bytes it should have and has.
    case truncated(expected: Int, found: Int)
    /// The header is not what the format asks for; what is wrong with it.
    case malformed(String)
    /// No tensor of that name; the names there are.
    case noTensor(String, found: [String])
    /// The file cannot be written; the system's reason, and its number.
    case unwritable(String, code: Int32)
  }

  public let path: String
  public let problem: Problem

  init(_ path: String, _ problem: Problem) {
    self.path = path
    self.problem = problem
  }

  /// The error that the system has just given for a file that is written.
  static func unwritable(_ path: String) -> SafeTensorsError {
    let code = errno
    return SafeTensorsError(path, .unwritable(String(cString: strerror(code)), code: code))
  }

  /// The error that a file lacks a tensor.
  package static func missing(_ name: String, in file: SafeTensors) -> SafeTensorsError {
    SafeTensorsError(file.path, .noTensor(name, found: file.names))
  }

  public var description: String {
    switch problem {
    case .unreadable(let reason): "'\(path)' cannot be read: \(reason)"
    case .truncated(let expected, let found):
      "'\(path)' is truncated: its header promises \(expected) bytes, the file has \(found)"
    case .malformed(let reason): "'\(path)' is not a safetensors file: \(reason)"
    case .noTensor(let name, let found):
      "'\(path)' holds no tensor '\(name)'; it holds \(found.prefix(12).joined(separator: ", "))"
    case .unwritable(let reason, _): "'\(path)' cannot be written: \(reason)"
    }
  }
}
