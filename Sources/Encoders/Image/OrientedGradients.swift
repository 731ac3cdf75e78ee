import Foundation

/// Histograms of oriented gradients (Dalal, Triggs, CVPR 2005).
///
/// The directions of brightness changes, counted in cells, which are normalised in overlapping blocks of two by two.
struct OrientedGradients: Sendable {
  let side: Int
  let cell: Int
  let orientations: Int

  /// Each block's four cells, row by row.
  func features(of planes: Planes) -> [Float] {
    let cells = side / cell
    let histogram = cellHistograms(planes.channels)
    var features: [Float] = []
    features.reserveCapacity((cells - 1) * (cells - 1) * 4 * orientations)
    for y in 0..<cells - 1 {
      for x in 0..<cells - 1 {
        var block: [Float] = []
        for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
          let start = ((y + dy) * cells + x + dx) * orientations
          block += histogram[start..<start + orientations]
        }
        features += Self.normalised(Self.normalised(block).map { min($0, 0.2) })
      }
    }
    return features
  }

  private static func normalised(_ block: [Float]) -> [Float] {
    // The small number keeps noise in empty blocks from being blown up.
    let length = (dot(block, block) + 0.01).squareRoot()
    return block.map { $0 / length }
  }

  /// Gradient strength by direction (of 180°), of the channel that changes most; shared between neighbouring cells and
  /// directions in proportion to nearness.
  private func cellHistograms(_ channels: [[Float]]) -> [Float] {
    let cells = side / cell
    var histogram = [Float](repeating: 0, count: cells * cells * orientations)
    // How each pixel along an axis is shared between two cells.
    let shares = (0..<side).map { place -> (cell: Int, second: Float) in
      let at = (Float(place) + 0.5) / Float(cell) - 0.5
      return (Int(at.rounded(.down)), at - at.rounded(.down))
    }
    for y in 0..<side {
      let (above, below) = (max(y - 1, 0) * side, min(y + 1, side - 1) * side)
      for x in 0..<side {
        let (left, right) = (max(x - 1, 0), min(x + 1, side - 1))
        var (dx, dy, strongest): (Float, Float, Float) = (0, 0, 0)
        for plane in channels {
          let across = plane[y * side + right] - plane[y * side + left]
          let down = plane[below + x] - plane[above + x]
          let square = across * across + down * down
          if square > strongest { (dx, dy, strongest) = (across, down, square) }
        }
        if strongest == 0 { continue }
        let strength = strongest.squareRoot()
        let half = atan2(dy, dx) / .pi
        let turn = (half < 0 ? half + 1 : half) * Float(orientations) - 0.5
        let lower = Int(turn.rounded(.down))
        let upperShare = turn - Float(lower)
        let directions = [
          ((lower + orientations) % orientations, 1 - upperShare), ((lower + 1) % orientations, upperShare),
        ]
        for (row, rowShare) in [(shares[y].cell, 1 - shares[y].second), (shares[y].cell + 1, shares[y].second)]
        where row >= 0 && row < cells {
          for (column, columnShare) in [(shares[x].cell, 1 - shares[x].second), (shares[x].cell + 1, shares[x].second)]
          where column >= 0 && column < cells {
            for (direction, share) in directions {
              histogram[(row * cells + column) * orientations + direction] += strength * rowShare * columnShare * share
            }
          }
        }
      }
    }
    return histogram
  }
}
