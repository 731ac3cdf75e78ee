public import Foundation

/// One sample to be predicted; what is nil is absent.
public struct PredictionInput: Sendable {
  public var id: String?
  public var image: URL?
  /// Further pictures of the same sample, such as frames of a clip; the features of all are averaged.
  public var frames: [URL] = []
  public var text: String?
  /// A WAVE file.
  public var audio: URL?
  /// Features by modality, for models over features that were made elsewhere.
  public var features: [String: [Float]] = [:]
  /// Gives the bytes of pictures and sounds that are in no files of their own, such as cells of a table.
  package var bytes: (@Sendable (URL) throws -> Data)?

  public init(
    id: String? = nil, image: URL? = nil, frames: [URL] = [], text: String? = nil, audio: URL? = nil,
    features: [String: [Float]] = [:]
  ) {
    self.id = id
    self.image = image
    self.frames = frames
    self.text = text
    self.audio = audio
    self.features = features
  }

  /// A sample whose pictures and sound are at hand as the bytes of their files (JPEG, PNG, WAVE, …), and in no files.
  ///
  /// - Parameter images: of the same sample; the features of all are averaged.
  public init(
    id: String? = nil, images: [Data], text: String? = nil, audio: Data? = nil, features: [String: [Float]] = [:]
  ) {
    self.init(id: id, text: text, features: features)
    var held = HeldBytes()
    let pictures = images.map { held.keep($0, "image") }
    image = pictures.first
    frames = Array(pictures.dropFirst())
    self.audio = audio.map { held.keep($0, "audio") }
    bytes = held.reader
  }
}

/// The bytes of pictures and sounds, each under an address that no file has.
private struct HeldBytes {
  private var byAddress: [URL: Data] = [:]

  mutating func keep(_ data: Data, _ key: String) -> URL {
    let url = URL(filePath: "/dev/null/\(key)/\(byAddress.count)")
    byAddress[url] = data
    return url
  }

  /// Gives what is held, and reads what is a file's address; nil where nothing is held.
  var reader: (@Sendable (URL) throws -> Data)? {
    guard !byAddress.isEmpty else { return nil }
    return { [byAddress] url in try byAddress[url] ?? BoundedFile.read(url, limit: BoundedFile.largestPicture) }
  }
}

// A sample as a line of JSON: {"id": …, "image": path or list of paths, "text": …, "audio": path, "features": {"image": [...]}}.
extension PredictionInput {
  package static let keys = ["id", "image", "text", "audio", "features"]

  /// The tree of JSON that holds samples or one.
  package static func tree(json bytes: [UInt8], place: String? = nil) throws -> Tree {
    try Tree(json: bytes, place: place, keepsDigits: true, floatsUnder: "features")
  }

  /// The sample that a line describes; what is null is absent.
  ///
  /// So is a path that is a missing value. Other keys are passed over where the line has something to predict from.
  /// - Parameter readsFiles: whether a path is followed; else pictures and sounds must be base64, as of a line that comes
  ///   from another machine.
  /// - Throws: a ``Diagnosis`` that says what the line has and should not, or lacks.
  package init(line tree: Tree, readsFiles: Bool = true) throws {
    guard let table = tree.tableValue else { throw Diagnosis("the line is not a JSON object", exitStatus: .input) }
    self.init(id: Self.id(ofLine: tree))
    var written = HeldBytes()
    let pictures = try (table["image"]?.listValue ?? [table["image"] ?? .null]).compactMap {
      try Self.path($0, "image", &written, readsFiles)
    }
    image = pictures.first
    frames = Array(pictures.dropFirst())
    audio = try Self.path(table["audio"], "audio", &written, readsFiles)
    bytes = written.reader
    text = try Self.text(table["text"], "text")
    if let tree = table["features"], tree != .null { features = try Self.features(tree) }
    guard image != nil || text != nil || audio != nil || !features.isEmpty else {
      for key in table.keys.sorted() where !Self.keys.contains(key) {
        guard let near = nearest(to: key, in: Self.keys) else { continue }
        throw Diagnosis(
          "'\(key)' is not one of id, image, text, audio and features; did you mean '\(near)'?", exitStatus: .input)
      }
      throw Diagnosis("there is no image, text, audio or features to predict from", exitStatus: .input)
    }
  }

  /// A line's name, which may be written as a number.
  package static func id(ofLine tree: Tree) -> String? {
    switch tree.tableValue?["id"] {
    case .string(let text): text
    case .some(let number) where number.numberValue?.isFinite == true: number.json()
    default: nil
    }
  }

  /// - Parameter written: is given the bytes of what is written as base64.
  private static func path(
    _ tree: Tree?, _ key: String, _ written: inout HeldBytes, _ readsFiles: Bool
  ) throws -> URL? {
    try MissingValue.present(text(tree, key)).map { path in
      if EncodedInput.isOne(path) { return written.keep(try EncodedInput.bytes(path), key) }
      guard readsFiles else {
        throw Diagnosis(
          "'\(key)' is no base64 of a file that is known by its beginning, and paths are not followed here",
          remedy: "send the bytes of the file as base64, such as \"data:;base64,…\"", exitStatus: .input)
      }
      guard !path.contains("\0") else { throw Diagnosis("a zero byte in the path of the \(key)", exitStatus: .input) }
      return URL(filePath: path)
    }
  }

  private static func text(_ tree: Tree?, _ key: String) throws -> String? {
    switch tree {
    case nil, .null: return nil
    case .string(let text): return text
    default: throw Diagnosis("'\(key)' is not a text", exitStatus: .input)
    }
  }

  /// Features by modality, from a table of lists of numbers.
  package static func features(_ tree: Tree) throws -> [String: [Float]] {
    guard let table = tree.tableValue else {
      throw Diagnosis("'features' is not a table of modality and list of numbers", exitStatus: .input)
    }
    return try table.reduce(into: [:]) { features, entry in
      if case .floats(let values) = entry.value { return features[entry.key] = values }
      if entry.value == .null { return }
      guard let list = entry.value.listValue else {
        throw Diagnosis("'features.\(entry.key)' is not a list of numbers", exitStatus: .input)
      }
      features[entry.key] = try list.map { element in
        // What JSON has no number for is judged with the others.
        if element == .null { return .nan }
        guard let value = element.numberValue ?? element.digits else {
          throw Diagnosis("'features.\(entry.key)' holds something that is not a number", exitStatus: .input)
        }
        return Float(value)
      }
    }
  }
}

extension Tree {
  /// The number whose digits were kept, as it is too large for 64 bits.
  fileprivate var digits: Double? {
    stringValue.flatMap {
      $0.utf8.count > 18 && $0.utf8.allSatisfy { "-0123456789".utf8.contains($0) } ? Double($0) : nil
    }
  }
}

extension [Float] {
  /// Whether all are numbers that are finite; here, where loops are optimized in every build that is for use.
  package var areFinite: Bool { allSatisfy { $0.isFinite } }
}
