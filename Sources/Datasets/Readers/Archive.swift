import CLibArchive
import Foundation
import Records

/// A tar archive, plain or compressed, read from front to back; used by one thread at a time.
final class Archive {
  struct Member {
    let name: String
    let size: Int
    /// Where its header begins, in the archive as it is unpacked.
    let position: Int
    let isFile: Bool
  }

  static var library: String { String(cString: archive_version_string()) }

  private let handle: OpaquePointer
  private let place: String
  private let descriptor: Int32

  /// - Parameters:
  ///   - position: of a member's header to begin at; only for what is not compressed.
  /// - Throws: a `Diagnosis` where the file cannot be opened.
  init(_ place: String, at position: Int = 0) throws {
    if position == 0, GitLFSPointer.stands(at: URL(filePath: place)) { throw GitLFSPointer.diagnosis(place: place) }
    guard let handle = archive_read_new() else { throw Diagnosis("out of memory", place: place) }
    self.handle = handle
    self.place = place
    descriptor = Foundation.open(place, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      archive_read_free(handle)
      throw FileTrouble(posix: errno)?.diagnosis(path: place) ?? Diagnosis("cannot be opened", place: place)
    }
    archive_read_support_format_tar(handle)
    if position > 0 {
      lseek(descriptor, off_t(position), SEEK_SET)
    } else {
      archive_read_support_filter_gzip(handle)
      archive_read_support_filter_zstd(handle)
      archive_read_support_filter_xz(handle)
      archive_read_support_filter_bzip2(handle)
    }
    // A member is fetched with one block; reading all goes in larger ones.
    guard archive_read_open_fd(handle, descriptor, position > 0 ? 65_536 : 1 << 20) == ARCHIVE_OK else {
      throw failure()
    }
  }

  deinit {
    archive_read_free(handle)
    if descriptor >= 0 { close(descriptor) }
  }

  private func failure() -> Diagnosis {
    let words = archive_error_string(handle).map { String(cString: $0) } ?? "it is no tar archive"
    return Diagnosis("the archive cannot be read", place: place, found: [words], exitStatus: .input)
  }

  /// Whether it is compressed, so that it can only be read from its front; known once a member was read.
  var isCompressed: Bool { archive_filter_count(handle) > 1 }

  /// The next member; nil at the end.
  ///
  /// - Throws: a `Diagnosis` where the archive breaks off or is none.
  func next() throws -> Member? {
    var entry: OpaquePointer?
    switch archive_read_next_header(handle, &entry) {
    case ARCHIVE_OK, ARCHIVE_WARN: break
    case ARCHIVE_EOF: return nil
    default: throw failure()
    }
    guard let entry else { throw failure() }
    let name = (archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry)).map { String(cString: $0) }
    // The kinds of files in tar: a link has a name and no bytes.
    let isFile = archive_entry_filetype(entry) & 0o170000 == 0o100000 && archive_entry_hardlink(entry) == nil
    return Member(
      name: name ?? "", size: Int(archive_entry_size(entry)), position: Int(archive_read_header_position(handle)),
      isFile: isFile)
  }

  /// The bytes of the member that was given last.
  func data(of member: Member, limit: Int) throws -> Data {
    guard (0...limit).contains(member.size) else {
      throw Diagnosis(
        "the member '\(member.name)' is too long: \(member.size) bytes, where at most \(limit) are read", place: place,
        exitStatus: .input)
    }
    // What a header claims is not set aside before the archive bears it out.
    var data = Data(capacity: min(member.size, 1 << 20))
    let portion = UnsafeMutableRawBufferPointer.allocate(byteCount: min(max(member.size, 1), 1 << 20), alignment: 16)
    defer { portion.deallocate() }
    while data.count < member.size {
      let count = archive_read_data(handle, portion.baseAddress, min(portion.count, member.size - data.count))
      guard count >= 0 else { throw failure() }
      guard count > 0 else {
        throw Diagnosis(
          "the archive ends within the member '\(member.name)'", place: place, exitStatus: .input)
      }
      data.append(UnsafeRawBufferPointer(rebasing: portion[..<count]).bindMemory(to: UInt8.self))
    }
    return data
  }
}
