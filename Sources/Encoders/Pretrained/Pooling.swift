import Torch

/// How a network's rows, one for each token or patch, become one.
public enum Pooling: String, Sendable, Codable, CaseIterable {
  /// The first row, of the token that stands for the whole.
  case cls
  /// The mean over all tokens (the special ones included), or all patches and the class token.
  case mean
  /// The largest of each column over all tokens.
  case max
  /// The sum over all tokens, over the root of their number.
  case meanRoot = "mean-sqrt-length"
  /// The last token's row.
  case last
  /// What the network itself makes of its rows: BERT's and ViT's dense layer, CLIP's row of the end token, ResNet's
  /// mean over places.
  case pooler
  /// The pooler's row in the space that pictures and texts share, as CLIP and BLIP have it.
  case projected
}

extension Pooling {
  /// One row a sample of rows [B, L, width]; nil for what only a network knows.
  func callAsFunction(_ rows: Tensor, lengths: [Int]? = nil) throws -> Tensor? {
    let (count, length) = (rows.shape[0], rows.shape[1])
    let lengths = lengths ?? [Int](repeating: length, count: count)
    /// 1 at what is there and 0 at padding, [B, L, 1].
    func presence() throws -> Tensor {
      let flags = lengths.flatMap { [Float](repeating: 1, count: $0) + [Float](repeating: 0, count: length - $0) }
      return try Tensor(flags, shape: [count, length, 1]).to(on: rows.device)
    }
    func numbers() throws -> Tensor { try Tensor(lengths.map(Float.init), shape: [count, 1]).to(on: rows.device) }
    // What sums are taken in.
    let wide = rows.elementType == .float64 ? ElementType.float64 : .float32
    switch self {
    case .cls: return try rows.selected(1, 0)
    case .last:
      let picked = try lengths.enumerated().map { try rows.selected(0, $0.offset).selected(0, $0.element - 1) }
      return try Tensor.stack(picked)
    case .mean: return try (rows.to(wide) * presence()).sum(1) / numbers()
    case .meanRoot: return try (rows.to(wide) * presence()).sum(1) / numbers().squareRoot()
    case .max: return try rows.to(wide).maskedFill(presence().equal(to: 0), -1e9).max(1)
    case .pooler, .projected: return nil
    }
  }
}

extension [Pooling: Int] {
  /// The width of a network's rows by a pooling; thrown where the network of that folder has none.
  func width(by pooling: Pooling, in folder: String) throws(CheckpointError) -> Int {
    if let width = self[pooling] { return width }
    throw CheckpointError.pooling(
      pooling.rawValue, in: folder, offered: Pooling.allCases.filter { self[$0] != nil }.map(\.rawValue))
  }
}
