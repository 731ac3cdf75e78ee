import Foundation
import HostileInput

/// What libFuzzer calls, with the parser that the environment names.
private enum Driver {
  static let parser: HostileParser = {
    let name = ProcessInfo.processInfo.environment["SEESAW_FUZZ_TARGET"] ?? ""
    guard let parser = HostileParser(rawValue: name) else {
      let names = HostileParser.allCases.map(\.rawValue).joined(separator: ", ")
      FileHandle.standardError.write(Data("SEESAW_FUZZ_TARGET is '\(name)', not one of \(names)\n".utf8))
      exit(64)
    }
    return parser
  }()

  static let folder: URL = {
    let folder = FileManager.default.temporaryDirectory.appending(path: "seesaw-fuzz-\(getpid())")
    do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(66)
    }
    // A finding ends the process without this; the script's own folder holds what is left then.
    atexit { try? FileManager.default.removeItem(at: Driver.folder) }
    return folder
  }()
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Data(UnsafeBufferPointer(start: start, count: count))
  do { try Driver.parser.feed(bytes, in: Driver.folder) } catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    abort()
  }
  return 0
}
