public import Records
public import Torch
import TorchNN

/// How the adapters of one model are used at the moment: whose tokens take them, and whether they are being trained.
public final class AdapterMode {
  /// Whose tokens take the path through an adapter; the others have the frozen map alone.
  ///
  /// What is left of the accuracy says what an adapter has learnt for which modality (partial modality inference, Wei et
  /// al. 2025). Tokens of all roles but the image's count as text, an answer's too.
  public enum Takers: String, SettingChoice { case all, image, text, none }

  public var takers = Takers.all
  /// Where dropout's random numbers come from; nil: nothing is dropped.
  public var dropout: Generator?
  let probability: Double

  init(probability: Double) { self.probability = probability }

  /// x with some of its numbers zero and the others larger by as much, where it is being trained.
  func dropped(_ x: Tensor) throws -> Tensor {
    guard let dropout, probability > 0 else { return x }
    let kept = try dropout.bernoulli(x.shape, probability: 1 - probability).to(x.elementType, on: x.device)
    return try x * (kept / (1 - probability))
  }

  /// Of each token whether it takes the path, [B, L, 1] of 0 and 1; nil: all do.
  func taking(_ pass: ForwardPass, like x: Tensor) throws -> Tensor? {
    guard takers == .image || takers == .text, !pass.groups.isEmpty else { return nil }
    let image = TokenRole.image.rawValue
    let wanted = takers == .image
    return try pass.derived("adapter/\(takers.rawValue)/\(x.elementType)") {
      let flags = pass.groups.flatMap { $0.map { ($0 == image) == wanted ? 1.0 : 0 } }
      return try Tensor(flags, shape: [pass.groups.count, pass.groups[0].count, 1]).to(x.elementType, on: x.device)
    }
  }
}
