import Foundation
public import Multimodal
import Records
public import Torch

/// What becomes of one modality before a module of somebody else's is given it.
public struct ModuleInput: Sendable {
  /// As it was asked for: `pixels:224`.
  public let words: String
  public let kind: RawInput.Kind
  private let form: Form

  private enum Form: Sendable {
    /// Squares that pictures are fitted into, 0…1, the rest white.
    case square(Int)
    /// What a checkpoint's processor makes of pictures.
    case processed(ImageProcessor)
    /// A checkpoint's tokens; nil where every batch is as long as its longest text.
    case tokens(Tokenizer, length: Int?, hasMask: Bool)
  }

  /// `pixels:224` or `pixels:FOLDER` for pictures, `tokens:FOLDER` or `tokens+mask:FOLDER` for texts.
  ///
  /// - Throws: a `Diagnosis`, ``CheckpointError``, ``TokenizerError``.
  public init(_ words: String, of kind: RawInput.Kind) throws {
    self.words = words
    self.kind = kind
    let parts = words.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let argument = parts.count == 2 ? parts[1] : ""
    let folder = URL(filePath: (argument as NSString).expandingTildeInPath)
    switch (parts[0], kind) {
    case ("pixels", .image):
      if let side = Int(argument) {
        guard (1...4096).contains(side) else {
          throw Diagnosis("the side of '\(words)' is not in 1 to 4096", place: "--input", exitStatus: .usage)
        }
        form = .square(side)
        return
      }
      guard let processor = try ImageProcessor.found(in: folder) else {
        throw CheckpointError.noFile("preprocessor_config.json", in: folder.path)
      }
      guard processor.size != nil else {
        throw EncoderError.settings(
          encoder: folder.path, reason: "its pictures keep their proportions: no batch could be made of them")
      }
      form = .processed(processor)
    case ("tokens", .text), ("tokens+mask", .text):
      guard !argument.isEmpty else {
        throw Diagnosis("tokens are a checkpoint's: tokens:FOLDER", place: "--input", exitStatus: .usage)
      }
      form = .tokens(
        try Tokenizer(folder: folder), length: try ScriptReader.fixedLength(in: folder),
        hasMask: parts[0] == "tokens+mask")
    default:
      throw Diagnosis(
        "'\(words.escapedForTerminal.clipped(60))' is no way to give a module \(kind == .image ? "pictures" : "\(kind.rawValue)s")",
        place: "--input",
        found: [
          kind == .audio
            ? "sounds cannot be given to a module: use --command"
            : kind == .image
              ? "there are pixels:SIDE and pixels:FOLDER" : "there are tokens:FOLDER and tokens+mask:FOLDER"
        ], exitStatus: .usage)
    }
  }

  /// The tensors of a batch: pixels [B, 3, H, W]; tokens [B, L], and their mask [B, L], whole numbers.
  public func tensors(_ inputs: [RawInput]) throws -> [Tensor] {
    switch form {
    case .square(let side):
      let values = inputs.flatMap { input in
        guard case .image(let image) = input else { return [Float]() }
        return Planes(fitting: image, side: side).channels.flatMap { $0 }
      }
      return [try Tensor(values, shape: [inputs.count, 3, side, side])]
    case .processed(let processor):
      var size = (height: 0, width: 0)
      let values = inputs.flatMap { input in
        guard case .image(let image) = input else { return [Float]() }
        let (height, width, values) = processor(image)
        size = (height, width)
        return values
      }
      return [try Tensor(values, shape: [inputs.count, 3, size.height, size.width])]
    case .tokens(let tokenizer, let fixed, let hasMask):
      let rows = inputs.map { input in
        guard case .text(let text) = input else { return [Int]() }
        return tokenizer(text, maximumLength: fixed)
      }
      let length = max(fixed ?? 0, rows.map(\.count).max() ?? 0, 1)
      func filled(_ row: [Int], _ filling: Int) -> [Int] {
        row + [Int](repeating: filling, count: length - row.count)
      }
      func tensor(_ rows: [[Int]]) throws -> Tensor { try Tensor(rows.flatMap { $0 }, shape: [rows.count, length]) }
      let tokens = try tensor(rows.map { filled($0, tokenizer.paddingToken) })
      guard hasMask else { return [tokens] }
      return [tokens, try tensor(rows.map { filled([Int](repeating: 1, count: $0.count), 0) })]
    }
  }
}
