/// A prompt as a model reads it: tokens, what each is there for, where each stands, and the pictures that placeholders stand
/// for.
///
/// ``LanguageModel/sequence(_:roles:pictures:)`` makes one and checks that pictures and placeholders fit.
public struct TokenSequence: Sendable, Equatable {
  public let ids: [Int]
  /// One for each token.
  public let roles: [TokenRole]
  /// In the order of their placeholders.
  public let pictures: [PreparedPicture]
  public let positions: TokenPositions

  public var count: Int { ids.count }

  init(ids: [Int], roles: [TokenRole], pictures: [PreparedPicture], positions: TokenPositions) {
    self.ids = ids
    self.roles = roles
    self.pictures = pictures
    self.positions = positions
  }

  /// The places of all tokens of some roles.
  public func indices(of roles: Set<TokenRole>) -> [Int] {
    self.roles.indices.filter { roles.contains(self.roles[$0]) }
  }
}

/// Where each token stands, for rotary embeddings.
public struct TokenPositions: Sendable, Equatable {
  /// One row, or three of Qwen2-VL: time, height, width.
  ///
  /// Each has one number a token.
  public let rows: [[Int]]
  /// Where the token after the last stands, in every row.
  public let next: Int

  public init(rows: [[Int]], next: Int) {
    self.rows = rows
    self.next = next
  }

  /// One row that counts from 0.
  public init(count: Int) { self.init(rows: [Array(0..<count)], next: count) }
}
