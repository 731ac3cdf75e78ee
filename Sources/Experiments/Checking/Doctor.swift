import Datasets
import Encoders
public import Foundation
import Torch

extension Experiment {
  /// Looks at what Seesaw stands on: libtorch, devices, threads, memory, disk.
  public static func doctor(workingFolder: URL) -> [Finding] {
    var findings = [
      Finding("seesaw", .good, "\(version) on \(Machine.platform), \(Machine.processor)"),
      libtorch(),
      arithmetic(),
      Finding("devices", .good, Runtime.devices.map(\.name).joined(separator: ", ")),
      readers(), doors(),
      threads(),
      disk(workingFolder),
      writing(workingFolder),
    ]
    if let busy = load() { findings.append(busy) }
    return findings
  }

  private static func libtorch() -> Finding {
    let wanted = "2.13"
    let found = Runtime.version
    return found.hasPrefix(wanted)
      ? Finding("libtorch", .good, found)
      : Finding(
        "libtorch", .warning, "\(found), made for \(wanted)",
        remedy: "unset LIBTORCH and run 'make libtorch', or expect other last digits")
  }

  /// What this build reads beside tables, pictures and sounds in files of their own.
  private static func readers() -> Finding {
    let archives = "tar archives by \(ReadableFiles.archives)"
    let sounds = SoundLibrary.version.map { "FLAC, Ogg and MP3 by \($0)" } ?? "of sounds WAVE alone"
    let tables = ReadableFiles.arrow.map { "Parquet and Arrow files by Arrow \($0)" } ?? "no Parquet or Arrow files"
    let arrays = HDF5File.version.map { "HDF5 by libhdf5 \($0)" } ?? "no HDF5"
    let clips = VideoLibrary.version.map { "video by \($0)" } ?? "no video"
    var remedies: [String] = []
    if ReadableFiles.arrow == nil { remedies.append("'make arrow' and a build add Parquet") }
    if SoundLibrary.version == nil { remedies.append("libsndfile's development files and a build add sounds") }
    if HDF5File.version == nil { remedies.append("libhdf5's development files and a build add HDF5") }
    if VideoLibrary.version == nil { remedies.append("'make video' and a build add video, M4A and WMA") }
    return Finding(
      "readers", .good, "\(tables), \(archives), \(sounds), \(arrays), \(clips)",
      remedy: remedies.isEmpty ? nil : remedies.joined(separator: "; "))
  }

  /// How this build asks models that are audited.
  private static func doors() -> Finding {
    Finding(
      "audits", .good,
      "prediction files, programs, endpoints, TorchScript, AOTInductor packages"
        + (ONNXModel.runtime.map { ", ONNX by OpenVINO \($0)" } ?? ""),
      remedy: ONNXModel.runtime == nil ? "'make openvino' and a build add ONNX models" : nil)
  }

  /// What the processor computes with.
  private static var words: String {
    "\(Machine.arithmetic), bfloat16 \(Runtime.multipliesBFloat16(on: .cpu) ? "in hardware" : "not in hardware")"
  }

  /// One product whose value is known.
  private static func arithmetic() -> Finding {
    do {
      let a = try Tensor([Float](repeating: 0.5, count: 64 * 64), shape: [64, 64])
      let sum = try a.matmul(a).sum().scalar()
      return sum == 65536
        ? Finding("arithmetic", .good, "a matrix product is right; \(words)")
        : Finding("arithmetic", .bad, "a matrix product gave \(sum) for 65536", remedy: "reinstall: make libtorch")
    } catch {
      return Finding("arithmetic", .bad, "\(error)", remedy: "reinstall: make libtorch")
    }
  }

  private static func threads() -> Finding {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let count = Runtime.threads
    return count <= cores
      ? Finding("threads", .good, "\(count) for \(cores) cores")
      : Finding(
        "threads", .warning, "\(count) for \(cores) cores", remedy: "unset OMP_NUM_THREADS or set it to \(cores)")
  }

  /// Whether others keep the cores busy, which slows several threads down more than one.
  private static func load() -> Finding? {
    var averages = [Double](repeating: 0, count: 3)
    guard getloadavg(&averages, 3) > 0 else { return nil }
    let cores = Double(ProcessInfo.processInfo.activeProcessorCount)
    let words = "load \((averages[0] * 10).rounded() / 10) on \(Int(cores)) cores"
    return averages[0] < cores
      ? Finding("load", .good, words)
      : Finding("load", .warning, words, remedy: "timings mean little now; one thread a run suffers least")
  }

  private static func disk(_ folder: URL) -> Finding {
    guard let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder.path),
      let free = (attributes[.systemFreeSize] as? NSNumber)?.int64Value
    else { return Finding("disk", .warning, "the free space of \(folder.path) is not known") }
    let gigabytes = Double(free) / 1e9
    let words = "\((gigabytes * 10).rounded() / 10) GB free in \(folder.path)"
    return gigabytes >= 1
      ? Finding("disk", .good, words) : Finding("disk", .bad, words, remedy: "free at least one gigabyte")
  }

  private static func writing(_ folder: URL) -> Finding {
    let probe = folder.appending(path: ".seesaw-doctor-\(UUID().uuidString)")
    do {
      try Data("probe".utf8).write(to: probe)
      try FileManager.default.removeItem(at: probe)
      return Finding("folder", .good, "\(folder.path) can be written to")
    } catch {
      return Finding(
        "folder", .bad, "\(folder.path) cannot be written to", remedy: "work in another folder, or name one with --out")
    }
  }
}
