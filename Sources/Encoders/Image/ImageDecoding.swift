import CImage
public import Foundation
public import Multimodal
import Records

extension RGBImage {
  /// More pixels than any camera takes, and few enough to hold in memory.
  public static let pixelLimit = 128_000_000

  /// A picture from the bytes of a JPEG, PNG, WebP, GIF, BMP or TIFF file, whatever the file is called.
  ///
  /// Of an animation, or of several pictures in a file, the first is taken. Transparency is laid on white, the orientation noted by a camera is applied, gray, palettes, CMYK and 16 bits become
  /// 8-bit RGB. Colour profiles are ignored.
  /// - Parameter pixelLimit: a picture with more pixels is refused before any of them is decoded.
  /// - Throws: `ImageError`; also for a file that is cut off, of which nothing is shown.
  public init(decoding data: Data, pixelLimit: Int = RGBImage.pixelLimit) throws(ImageError) {
    // Decoding takes up to 16 bytes a pixel. Pictures of a usual size are decoded side by side, larger ones in turn, so
    // that memory does not grow with the number of threads.
    do { try self.init(decoded: data, pixelLimit: min(pixelLimit, Self.usualPixels)) } catch {
      guard case .tooLarge(let width, let height, _) = error, pixelLimit > Self.usualPixels else { throw error }
      let (pixels, isTooMany) = width.multipliedReportingOverflow(by: height)
      guard !isTooMany, pixels <= pixelLimit else {
        throw .tooLarge(width: width, height: height, limit: pixelLimit)
      }
      Self.oneLargePicture.lock()
      defer { Self.oneLargePicture.unlock() }
      try self.init(decoded: data, pixelLimit: pixelLimit)
    }
  }

  private static let usualPixels = 16_000_000
  private static let oneLargePicture = NSLock()

  private init(decoded data: Data, pixelLimit: Int) throws(ImageError) {
    guard !data.isEmpty else { throw .empty }
    var picture = cimage_picture()
    defer { cimage_free_picture(&picture) }
    let (format, status) = data.withUnsafeBytes { bytes -> (cimage_format, cimage_status) in
      let start = bytes.bindMemory(to: UInt8.self).baseAddress
      return (
        cimage_detect(start, bytes.count), cimage_decode(start, bytes.count, UInt64(max(pixelLimit, 0)), &picture)
      )
    }
    guard let name = Self.name(of: format) else { throw Self.otherThanAPicture(data) }
    let (width, height) = (Int(picture.width), Int(picture.height))
    switch status {
    case CIMAGE_OK: break
    case CIMAGE_TRUNCATED: throw .truncated(format: name)
    case CIMAGE_UNSUPPORTED: throw .unsupported(format: "\(name) (\(Self.message(of: picture)))")
    case CIMAGE_TOO_LARGE: throw .tooLarge(width: width, height: height, limit: pixelLimit)
    case CIMAGE_NO_MEMORY: throw .outOfMemory(width: width, height: height)
    default: throw .damaged(format: name, detail: Self.message(of: picture))
    }
    guard let pixels = picture.pixels else { throw .damaged(format: name, detail: "") }
    self.init(
      width: width, height: height,
      pixels: [UInt8](UnsafeBufferPointer(start: pixels, count: width * height * 3)))
  }

  /// A picture from a file.
  ///
  /// - Throws: `ImageError`, or a `Diagnosis` where the file cannot be read, is no regular file or has more bytes than
  ///   any picture.
  public init(contentsOf file: URL, pixelLimit: Int = RGBImage.pixelLimit) throws {
    try self.init(
      decoding: BoundedFile.read(file, limit: BoundedFile.largestPicture), pixelLimit: pixelLimit)
  }

  private static func name(of format: cimage_format) -> String? {
    switch format {
    case CIMAGE_JPEG: "JPEG"
    case CIMAGE_PNG: "PNG"
    case CIMAGE_WEBP: "WebP"
    case CIMAGE_GIF: "GIF"
    case CIMAGE_BMP: "BMP"
    case CIMAGE_TIFF: "TIFF"
    default: nil
    }
  }

  private static func message(of picture: cimage_picture) -> String {
    withUnsafeBytes(of: picture.message) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// What a file that is none of ours seems to be.
  private static func otherThanAPicture(_ data: Data) -> ImageError {
    let head = [UInt8](data.prefix(512))
    func starts(_ text: String, at offset: Int = 0) -> Bool { head.dropFirst(offset).starts(with: text.utf8) }
    if starts("ftyp", at: 4) {
      switch String(decoding: head.dropFirst(8).prefix(4), as: UTF8.self) {
      case "heic", "heix", "heim", "heis", "hevc", "mif1", "msf1": return .unsupported(format: "HEIC")
      case "avif", "avis": return .unsupported(format: "AVIF")
      default: return .notAnImage(looksLike: "a video")
      }
    }
    if starts("\0\0\u{1}\0") { return .unsupported(format: "ICO") }
    if starts("8BPS") { return .unsupported(format: "a Photoshop file") }
    if starts("\0\0\0\u{C}JXL ") || head.starts(with: [0xFF, 0x0A]) { return .unsupported(format: "JPEG XL") }
    if starts("\0\0\0\u{C}jP  ") { return .unsupported(format: "JPEG 2000") }
    if starts("%PDF") { return .notAnImage(looksLike: "a PDF document") }
    if GitLFSPointer.begins(head) { return .notAnImage(looksLike: GitLFSPointer.words) }
    if head.allSatisfy({ $0 == 0 }) { return .notAnImage(looksLike: "zero bytes") }
    let text = String(decoding: head, as: UTF8.self).lowercased()
    if text.contains("<svg") { return .unsupported(format: "SVG") }
    if text.contains("<html") || text.contains("<!doctype html") { return .notAnImage(looksLike: "a web page") }
    return .notAnImage(looksLike: nil)
  }
}
