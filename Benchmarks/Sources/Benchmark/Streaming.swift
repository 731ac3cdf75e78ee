import Foundation
import Seesaw

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// An epoch over features that are read from the disk, beside reading the same file from its beginning to its end.
///
/// Steps have one thread, as `seesaw train` gives to steps of their size.
struct Streaming {
  let folder: URL

  func table(rounds: Int, threads: Int = 1) throws -> Table {
    Runtime.setThreads(threads)
    let set = try FeatureSet(at: folder)
    let file = folder.appending(path: "train.safetensors")
    let bytes = Double(try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int ?? 0)
    let train = set.train.prepared(.float32, on: .cpu).streamed()
    let shape = Shape(
      modalities: set.modalities.count, width: set.widths[0], hidden: 64, classes: set.manifest.classes.count)
    let joint = try Candidate("joint", shape)
    guard let layout = train.blockLayout else { throw BenchmarkError("the features cannot be streamed") }
    func plan(_ shuffle: SampleOrder.Shuffle) -> SamplingPlan.Batches {
      SamplingPlan(SampleOrder(train.count, shuffle, RandomSource(seed: 1), epoch: 0)).batches(of: shape.batch)
    }
    func drain(_ feed: any BatchFeed) throws { while try feed.next() != nil {} }
    let times = try race(
      [
        Contestant(name: "reading") {
          Self.dropCache(of: file)
          return try seconds { try Self.read(file) }
        },
        Contestant(name: "blocks") {
          Self.dropCache(of: file)
          return try seconds { try drain(train.feed(plan(.blocks(layout)), from: 0)) }
        },
        Contestant(name: "steps") {
          let steps = plan(.blocks(layout)).count
          let some = min(steps, 5000)
          return try joint.time(steps: some) * Double(steps)
        },
        Contestant(name: "epoch") {
          Self.dropCache(of: file)
          return try joint.epoch(over: train, .blocks(layout))
        },
      ], rounds: rounds)
    let titles = [
      ("reading", "reading the file"), ("blocks", "batches, shuffled by blocks"),
      ("steps", "as many steps of joint training on one batch, H = 64"),
      ("epoch", "an epoch of joint training, H = 64"),
    ]
    var table = Table(
      title:
        "Features from the disk: \(train.count) samples, \(number(bytes / 1e9, 1)) GB, nothing of them in memory before",
      columns: ["", "GB/s", "time against reading the file"])
    for (name, title) in titles {
      let time = times[name] ?? []
      table.rows.append([
        title, number(bytes / 1e9 / Spread(time).median), Spread(time, over: times["reading"] ?? []).words(),
      ])
    }
    table.note = "Largest memory held by this process: \(Self.peakMemory() >> 20) MiB."
    return table
  }

  private static func read(_ file: URL) throws {
    let handle = try FileHandle(forReadingFrom: file)
    defer { try? handle.close() }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 << 20, alignment: 64)
    defer { buffer.deallocate() }
    while systemRead(handle.fileDescriptor, buffer) > 0 {}
  }

  /// Has the system forget what it keeps of a file, where it can be told to.
  private static func dropCache(of file: URL) {
    #if os(Linux)
      guard let handle = try? FileHandle(forUpdating: file) else { return }
      fsync(handle.fileDescriptor)
      posix_fadvise(handle.fileDescriptor, 0, 0, Int32(POSIX_FADV_DONTNEED))
      try? handle.close()
    #endif
  }

  /// Bytes.
  private static func peakMemory() -> Int {
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #else
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss << 10
    #endif
  }
}

/// The system's `read`, under a name that the methods above do not hide.
private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
  read(descriptor, buffer.baseAddress, buffer.count)
}
