import Torch
import TorchNN

/// Multimodal low-rank adaptation, MokA: an A for each modality, one B, and attention between modalities without parameters.
///
/// By it image tokens look at text tokens (Wei et al., NeurIPS 2025):
///
///     uᵢ = A_m(i) xᵢ                                                 (eq. 4)
///     uᵢ ← uᵢ + λ Σⱼ softmaxⱼ(uᵢ · uⱼ / √r) uⱼ                        (eq. 5–8; i an image token, j over text tokens)
///     yᵢ = W₀ xᵢ + c B uᵢ                                            (eq. 10–13)
///
/// Text tokens have A_text and no attention. Image tokens so see later tokens of the question within a layer; answers are
/// never looked at. The paper says neither which text tokens j are nor what λ and c are: ``AdapterSettings``.
final class MokA: LinearAdapter {
  /// A of all roles but the image's.
  let text: Parameter
  let image: Parameter
  /// B.
  let up: Parameter
  private let settings: AdapterSettings
  private let mode: AdapterMode

  init(_ scope: Scope, inputs: Int, outputs: Int, _ settings: AdapterSettings, _ mode: AdapterMode) throws {
    text = try (scope / "lora_A").parameter("weight", [settings.rank, inputs], .uniform(fanIn: inputs))
    image = try (scope / "lora_A_image").parameter("weight", [settings.rank, inputs], .uniform(fanIn: inputs))
    up = try (scope / "lora_B").parameter("weight", [outputs, settings.rank], .zeros)
    self.settings = settings
    self.mode = mode
  }

  func adapted(_ output: Tensor, of input: Tensor, _ pass: ForwardPass) throws -> Tensor {
    guard mode.takers != .none else { return output }
    let x = try mode.dropped(input.to(text.tensor.elementType))
    var u = try x.linear(text.tensor, nil)
    let isImage = try Self.isImage(pass, u)
    if let isImage { u = try isImage.choose(x.linear(image.tensor, nil), u) }
    if settings.scale == .before { u = try u * settings.factor }
    // The paper looks at one modality's path without the attention.
    if let isImage, settings.lambda != 0, mode.takers == .all, let seen = try attended(u, isImage, pass) {
      u = try u + seen * settings.lambda
    }
    var change = try u.linear(up.tensor, nil)
    if settings.scale == .after { change = try change * settings.factor }
    if let taking = try mode.taking(pass, like: change) { change = try change * taking }
    return try output + change.to(output.elementType)
  }

  /// Which tokens are the image's, [B, L, 1]; nil where none is.
  private static func isImage(_ pass: ForwardPass, _ u: Tensor) throws -> Tensor? {
    let role = TokenRole.image.rawValue
    guard pass.groups.contains(where: { $0.contains(role) }) else { return nil }
    return try pass.derived("moka/image") {
      let flags = pass.groups.flatMap { $0.map { $0 == role } }
      return try Tensor(flags, shape: [pass.groups.count, pass.groups[0].count, 1]).to(on: u.device)
    }
  }

  /// Σⱼ softmaxⱼ(uᵢ · uⱼ / √r) uⱼ of image tokens, zero of others, [B, L, r]; nil where nothing can be looked at.
  private func attended(_ u: Tensor, _ isImage: Tensor, _ pass: ForwardPass) throws -> Tensor? {
    let roles: Set<TokenRole> =
      settings.keys == .question ? [.instruction] : [.sampleText, .instruction, .template]
    let groups = Set(roles.map(\.rawValue)).subtracting(pass.hidden)
    let keys = pass.groups.map { row in row.indices.filter { groups.contains(row[$0]) } }
    let width = keys.map(\.count).max() ?? 0
    guard width > 0 else { return nil }
    let (batch, rank) = (u.shape[0], u.shape[2])
    let places = try pass.derived("moka/keys/\(settings.keys)") {
      let filled = keys.flatMap { $0 + Array(repeating: 0, count: width - $0.count) }
      return try Tensor(filled, shape: [batch, width, 1]).to(on: u.device)
    }
    let lacking = try pass.derived("moka/lacking/\(settings.keys)") {
      let flags = keys.flatMap { own in (0..<width).map { $0 >= own.count } }
      return try Tensor(flags, shape: [batch, 1, width]).to(on: u.device)
    }
    // A row without keys looks at nothing.
    let looking = try pass.derived("moka/looking/\(settings.keys)") {
      let some = try Tensor(keys.map { !$0.isEmpty }, shape: [batch, 1, 1]).to(on: u.device)
      return try isImage.logicalAnd(some).to(u.elementType)
    }
    let own = try u.gathered(1, by: places.expanded([batch, width, rank]))
    let scores = try u.matmul(own.transposed()) / Double(rank).squareRoot()
    return try scores.maskedFill(lacking, -1e30).softmax(2).matmul(own) * looking
  }

  /// What the frozen map of a role gains where there is no attention: c B A_m, [out, in].
  func change(_ role: TokenRole) throws -> Tensor {
    try up.tensor.matmul((role == .image ? image : text).tensor) * settings.factor
  }
}
