/// A picture as the tower of one model wants it, with the number of tokens that it becomes.
public struct PreparedPicture: Sendable, Equatable {
  /// How a picture was cut.
  public enum Layout: Sendable, Equatable {
    /// One view: `llava`, `blip`.
    case single
    /// The whole picture first, then the tiles row by row: `llava_next`. The size is the picture's own, which says what of
    /// the tiles is padding.
    case baseAndTiles(rows: Int, columns: Int, height: Int, width: Int)
    /// The tiles row by row, the whole picture last: `idefics3`, `smolvlm`. No rows and no columns where it was not cut.
    case tilesAndBase(rows: Int, columns: Int)
    /// Patches, ordered by the blocks that are merged: `qwen2_vl`, `qwen2_5_vl`. Rows and columns are counted before merging.
    case patches(rows: Int, columns: Int)
  }

  /// The numbers in row-major order.
  public let values: [Float]
  /// [views, 3, height, width]; of patches [patches, 3 · frames · side · side].
  public let shape: [Int]
  public let layout: Layout
  /// The rows that the tower and its projector make of it, each the embedding of one placeholder.
  public let tokenCount: Int

  public init(values: [Float], shape: [Int], layout: Layout, tokenCount: Int) {
    self.values = values
    self.shape = shape
    self.layout = layout
    self.tokenCount = tokenCount
  }
}

/// A piece of what stands in a prompt for a picture.
public enum PictureText: Sendable, Equatable {
  /// A special token, by its text: one token of role ``TokenRole/template``.
  case token(String)
  /// Ordinary text, which the tokenizer divides: role ``TokenRole/template``.
  case text(String)
  /// So many placeholders, ``LanguageModel/imageToken`` each: role ``TokenRole/image``.
  case image(Int)
}
