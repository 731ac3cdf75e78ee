import Foundation
import Records

/// Shards that processes take by turns, on one machine or several, by files in a folder that they share.
///
/// A claim is a file that only one process can make (`O_EXCL`, which network disks keep too), and that its process touches
/// while it lives. A claim that was not touched for ``patience`` is given up: the next process makes the file of the next
/// attempt, which again only one can. No lock of the kernel's is needed, and clocks of machines need not agree: ages are
/// told by the disk's own times.
final class ShardClaims {
  private let count: Int
  private let folder: URL
  private let isDone: (EncodeShard) -> Bool
  private let patience: TimeInterval
  /// Numbers from 0 of shards that this process need not ask for again.
  private var settled: Set<Int> = []
  private var place: Int
  private let clock: URL

  /// How long a claim stands that is not touched, in seconds; it is touched eight times in that.
  static let patience: TimeInterval = 240

  convenience init(of count: Int, in shards: ShardFolder) throws {
    try self.init(of: count, in: shards.claims, isDone: shards.isDone)
  }

  init(
    of count: Int, in folder: URL, patience: TimeInterval = ShardClaims.patience,
    isDone: @escaping (EncodeShard) -> Bool
  ) throws {
    self.count = count
    self.folder = folder
    self.isDone = isDone
    self.patience = patience
    // Processes begin at different places, so that they seldom ask for the same.
    place = Int.random(in: 0..<count)
    clock = folder.appending(path: ".clock-\(UUID().uuidString)")
    try Diagnosis.placing(folder) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
  }

  /// The next shard that nobody has; nil where there is none.
  ///
  /// - Parameter waiting: whether to wait while others are at work, whose shards may come free.
  func next(waiting: Bool = false, stop: StopFlag = StopFlag(), events: EventSink = { _ in }) throws -> ShardClaim? {
    var isTold = false
    while true {
      var areOthers = false
      for _ in 0..<count {
        if stop.isRequested { throw CancellationError() }
        let number = place
        place = (place + 1) % count
        guard !settled.contains(number) else { continue }
        let shard = EncodeShard(number + 1, of: count)
        if isDone(shard) {
          settled.insert(number)
          continue
        }
        if let claim = try claim(shard) {
          // Done between the look and the claim.
          if isDone(shard) { claim.release() } else { return claim }
        } else {
          areOthers = true
        }
      }
      guard waiting, areOthers else { return nil }
      if !isTold { events(.note("waiting for the shards of other processes")) }
      isTold = true
      usleep(500_000)
    }
  }

  private func claim(_ shard: EncodeShard) throws -> ShardClaim? {
    var attempt = 1
    while true {
      let file = Self.file(shard, attempt, in: folder)
      if let made = try ShardClaim(shard, attempt, file, touching: patience / 8) {
        // The process itself tries a shard once.
        settled.insert(shard.number - 1)
        return made
      }
      guard access(Self.file(shard, attempt + 1, in: folder).path, F_OK) == 0 || isGivenUp(file) else { return nil }
      attempt += 1
    }
  }

  static func file(_ shard: EncodeShard, _ attempt: Int, in folder: URL) -> URL {
    folder.appending(path: "\(shard.fileName).\(attempt)")
  }

  private func isGivenUp(_ file: URL) -> Bool {
    // Gone: let go, or done.
    guard let touched = Self.touched(file) else { return false }
    guard let now = Self.now(by: clock) else { return false }
    return now - touched > patience
  }

  /// What the disk's clock says, by a file that is written and removed for it; nil where nothing can be written there.
  static func now(by file: URL) -> TimeInterval? {
    defer { unlink(file.path) }
    return FileManager.default.createFile(atPath: file.path, contents: Data("now".utf8)) ? touched(file) : nil
  }

  /// When a file was changed, in seconds of the disk's clock.
  static func touched(_ file: URL) -> TimeInterval? {
    FileState(of: file).map { TimeInterval($0.modified) / 1e9 }
  }
}

/// A shard that this process has, until it lets go or ends.
final class ShardClaim {
  let shard: EncodeShard
  /// From 1; more where processes gave the shard up.
  let attempt: Int
  private let file: URL
  private let timer: any DispatchSourceTimer

  /// Nil where another process has made the file.
  fileprivate init?(_ shard: EncodeShard, _ attempt: Int, _ file: URL, touching interval: TimeInterval) throws {
    let descriptor = open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      guard errno == EEXIST else {
        throw Diagnosis(describing: POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)).placed(in: file.relativePath)
      }
      return nil
    }
    let words = FolderLock.Holder.here.words + "\n"
    _ = words.withCString { write(descriptor, $0, strlen($0)) }
    close(descriptor)
    self.shard = shard
    self.attempt = attempt
    self.file = file
    timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
    timer.schedule(deadline: .now() + interval, repeating: interval)
    let path = file.path
    timer.setEventHandler { utimes(path, nil) }
    timer.activate()
  }

  /// Lets go; what is done is told by the shard's record.
  func release() {
    timer.cancel()
    // A later attempt stands on this one.
    let next = ShardClaims.file(shard, attempt + 1, in: file.deletingLastPathComponent())
    if access(next.path, F_OK) != 0 { unlink(file.path) }
  }
}
