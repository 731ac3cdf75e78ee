public import Records

/// Why some bytes did not become a picture.
public enum ImageError: Diagnosable, Equatable {
  /// There are no bytes.
  case empty
  /// The file ends before its picture does.
  case truncated(format: String)
  /// The file contradicts its own format; the detail is the decoder's.
  case damaged(format: String, detail: String)
  /// A kind of picture that is not read: another format, or a form of it.
  case unsupported(format: String)
  /// Not a picture at all; what it looks like, if that can be told.
  case notAnImage(looksLike: String?)
  /// More pixels than allowed.
  case tooLarge(width: Int, height: Int, limit: Int)
  /// Not enough memory for its pixels.
  case outOfMemory(width: Int, height: Int)

  /// The fault in a few words, for lists of files.
  public var summary: String {
    switch self {
    case .empty: "an empty file"
    case .truncated(let format): "a \(format) file that ends early"
    case .damaged(let format, let detail):
      detail.isEmpty ? "a damaged \(format) file" : "a damaged \(format) file: \(detail)"
    case .unsupported(let format): "\(format), which is not read"
    case .notAnImage(let kind): kind.map { "not a picture but \($0)" } ?? "not a picture"
    case .tooLarge(let width, let height, let limit):
      "\(width) x \(height) pixels, where at most \(limit) pixels are allowed"
    case .outOfMemory(let width, let height): "\(width) x \(height) pixels, for which there is not enough memory"
    }
  }

  public var diagnosis: Diagnosis {
    Diagnosis("a picture cannot be read", found: [summary], remedy: remedy, exitStatus: .input)
  }

  private var remedy: String? {
    switch self {
    case .empty, .truncated, .damaged: "fetch or export the file again"
    case .unsupported: "convert it to PNG or JPEG"
    case .notAnImage: "pictures are JPEG, PNG, WebP, GIF, BMP or TIFF files"
    case .tooLarge, .outOfMemory: "make it smaller"
    }
  }
}
