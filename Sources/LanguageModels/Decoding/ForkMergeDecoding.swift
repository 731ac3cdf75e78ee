import Foundation
public import Records
import Torch

/// Fork-merge decoding: the first layers run twice, each time without the tokens of one group, and are merged.
///
///     x^P: N's embeddings are 0;  x^N: P's are;  h^P, h^N after L_fork layers
///     P's rows from h^P, N's from h^N, the others α h^P + (1 − α) h^N; then the other layers, once
///     α = m_P / (m_P + m_N),  m_G: attention of the last prompt token to G in the last layer of the fork, mean over heads
///
/// Source: Jung et al., arXiv 2505.20873, for sound and video, without public code. Which value L_fork has, where α is read
/// and what is merged at the groups' own tokens is not known of it: this is our reading, and picture against sample text our
/// transfer, for the paper never masks text.
public struct ForkMergeDecoding: DecodingMethod {
  public enum Merge: String, SettingChoice {
    /// Each group's rows from the fork in which it is seen.
    case select
    /// α of one fork and 1 − α of the other at every row.
    case mix
  }

  /// Where α comes from.
  public enum Weight: Sendable, Equatable {
    case attention
    /// The other group's attention.
    case inverse
    case number(Double)
  }

  public enum Mask: String, SettingChoice {
    /// Embeddings are zeros.
    case zero
    /// No other token sees the group's (not the paper's).
    case hide
  }

  public let model: any LanguageModel
  private let decoder: LanguageDecoder
  public var first: Set<TokenRole> = [.image]
  public var second: Set<TokenRole> = [.sampleText]
  /// L_fork.
  public var fork: Int
  public var merge = Merge.select
  public var weight = Weight.attention
  public var mask = Mask.zero
  /// 1 is all of it; 0 is ordinary decoding.
  public var strength = 1.0

  /// L_fork is by default 5 of 28 layers, at least one: what the paper's cost of 1.26 forwards suggests.
  ///
  /// - Throws: ``LanguageModelError`` where the model's layers cannot be run in ranges.
  public init(_ model: any LanguageModel) throws {
    self.model = model
    guard let decoder = model.decoder else {
      throw LanguageModelError.refused(
        family: model.family, in: model.folder.relativePath, reason: "its layers cannot be forked")
    }
    self.decoder = decoder
    fork = max(1, Int((Double(decoder.layers.count) * 5 / 28).rounded()))
  }

  /// What the branches are: the first group seen, the second seen, both.
  private var hiddenInBranch: [Set<TokenRole>] { [second, first] + (strength < 1 ? [[]] : []) }

  public func read(_ input: PromptInput) throws -> Reading {
    guard strength != 0 else { return try OrdinaryDecoding(model).read(input) }
    let sequence = input.sequence
    let whole = try model.embed([sequence], rows: input.rows.map { [$0] })
    var branches: [Tensor] = []
    var caches: [KeyValueCache] = []
    var mass: [Double] = []
    for (number, hidden) in hiddenInBranch.enumerated() {
      let cache = KeyValueCache()
      let seen = number == 0 ? first : second
      let isRead = number < 2 && fork > 0 && !isNumber
      var attention = 0.0
      var observer = PassObserver()
      if isRead {
        observer.attention = { layer, weights in
          guard layer == fork - 1 else { return }
          attention = try Self.mass(of: sequence.indices(of: seen), weights)
        }
      }
      let pass = try decoder.pass(
        for: [sequence], view: AttentionView(hidden: mask == .hide ? hidden : []), cache: cache,
        observer: isRead ? observer : nil)
      let embeddings =
        try mask == .zero ? whole * Self.column(sequence.roles, on: whole) { hidden.contains($0) ? 0 : 1 } : whole
      branches.append(try decoder.run(embeddings, layers: 0..<fork, pass: pass, cache: cache))
      cache.note(pass)
      caches.append(cache)
      mass.append(attention)
    }
    let alpha = share(mass)
    let merged = try merging(branches, alpha) { value in
      try Self.column(sequence.roles, on: whole, value)
    }
    let cache = KeyValueCache()
    let pass = try decoder.pass(for: [sequence], cache: cache)
    let hidden = try decoder.normed(decoder.run(merged, layers: fork..<decoder.layers.count, pass: pass, cache: cache))
    cache.note(pass)
    let last = try hidden.narrowed(1, from: sequence.count - 1, length: 1)
    return Reading(logits: try model.logits(of: last), caches: caches + [cache], weight: alpha)
  }

  public func proceed(_ reading: Reading, _ ids: [[Int]]) throws -> Reading {
    guard reading.caches.count > 1 else { return try OrdinaryDecoding(model).proceed(reading, ids) }
    let counts = ids.map(\.count)
    let caches = reading.caches.map { $0.copy() }
    let embeddings = try decoder.embed(ids)
    let branches = try caches.dropLast().map { cache in
      let pass = try decoder.pass(continuing: cache, with: counts)
      let branch = try decoder.run(embeddings, layers: 0..<fork, pass: pass, cache: cache)
      cache.note(pass)
      return branch
    }
    // A new token belongs to no group.
    let merged = try merging(branches, reading.weight) { try Tensor.full([1], $0(.answer)).to(embeddings.elementType) }
    let cache = caches[caches.count - 1]
    let pass = try decoder.pass(continuing: cache, with: counts)
    let hidden = try decoder.normed(decoder.run(merged, layers: fork..<decoder.layers.count, pass: pass, cache: cache))
    cache.note(pass)
    return Reading(logits: try model.logits(of: hidden), caches: caches, weight: reading.weight)
  }

  private var isNumber: Bool { if case .number = weight { true } else { false } }

  /// α, from each group's attention in the branch that sees it.
  private func share(_ mass: [Double]) -> Double {
    switch weight {
    case .number(let alpha): return alpha
    // Nobody is looked at: the first branch, which is ordinary decoding where the second group is empty.
    case .attention: return mass[0] + mass[1] > 0 ? mass[0] / (mass[0] + mass[1]) : 1
    case .inverse: return mass[0] + mass[1] > 0 ? mass[1] / (mass[0] + mass[1]) : 1
    }
  }

  /// - Parameter column: a number for each row, by its role.
  private func merging(
    _ branches: [Tensor], _ alpha: Double, _ column: ((TokenRole) -> Double) throws -> Tensor
  ) throws -> Tensor {
    func own(_ role: TokenRole) -> Double {
      if merge == .mix { return alpha }
      return first.contains(role) ? 1 : second.contains(role) ? 0 : alpha
    }
    let merged = try branches[0] * column(own) + branches[1] * column { 1 - own($0) }
    guard branches.count > 2 else { return merged }
    return try branches[2] * (1 - strength) + merged * strength
  }

  /// [1, L, 1].
  private static func column(
    _ roles: [TokenRole], on like: Tensor, _ value: (TokenRole) -> Double
  ) throws -> Tensor {
    try Tensor(roles.map(value), shape: [1, roles.count, 1]).to(like.elementType, on: like.device)
  }

  /// Of [1, heads, L, L] the mean over heads of what the last token pays to some.
  static func mass(of places: [Int], _ weights: Tensor) throws -> Double {
    guard !places.isEmpty else { return 0 }
    let last = try weights.selected(0, 0).selected(1, weights.shape[2] - 1).to(.float64)
    return try last.indexed(1, by: Tensor(places).to(on: last.device)).sum(1).mean(0).scalar()
  }
}
