public import Multimodal
public import Records
public import Torch
import TorchNN

/// UMT: joint training that keeps each modality's features near those of a teacher that was trained on that modality alone.
///
///     L = L_T + λ Σₘ mean over samples and elements of (eₘ − tₘ(xₘ))²
///
/// where λ is ``Configuration/weight`` and tₘ the embedding layer of `teachers`, and the encoder where there is one: trained
/// before, from the same first weights on each modality's own loss, and fixed. Its features depend on the batch's inputs, so
/// nothing needs to be kept but the weights.
public struct UMT: ObjectiveMethod, PreparesBeforeTraining, Checkpointed {
  public struct Configuration: Settings {
    public var weight = 10.0
    public var teacherEpochs = 0
    public init() {}
  }

  public static let card = MethodCard(
    name: "umt", title: "UMT", citation: UME.paper, stage: .objective,
    summary: "Trains each modality alone first, and then jointly, with the features kept near what each had learned.",
    needs: ["a unimodal training before the joint one"],
    departures: [
      "The authors' weight is not known to us: 10, as in a later benchmark.",
      "On frozen features, the teachers are embedding layers.",
    ],
    settings: settings([
      SettingNote("weight", "λ, of the distance from the teachers' features", range: .nonNegative),
      SettingNote("teacher_epochs", "How long teachers are trained; 0: as long as the run", range: .nonNegative),
    ]))

  private let configuration: Configuration
  private var teachers: [Modality: Teacher] = [:]

  /// The weights of a modality's branch.
  private struct Teacher {
    let weight: Tensor
    let bias: Tensor
    /// By path; empty where no encoder is trained.
    var encoder: [String: Tensor] = [:]
  }

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func prepare(_ context: TrainingContext) throws {
    guard configuration.weight > 0 else { return }
    let model = try trainedUnimodally(context, epochs: configuration.teacherEpochs)
    for (modality, layer) in model.embeddings {
      var teacher = Teacher(
        weight: try layer.weight.tensor.detached().cloned(), bias: try layer.bias.tensor.detached().cloned())
      for parameter in model.store.parameters where parameter.path.isWithin(modality.encoder) {
        teacher.encoder[parameter.path.description] = try parameter.tensor.detached().cloned()
      }
      teachers[modality] = teacher
    }
  }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    var total = try session.loss(outputs.logits, batch)
    report.losses["fused"] = try total.scalar()
    guard configuration.weight > 0 else { return total }
    for (modality, feature) in try outputs.features {
      guard let teacher = teachers[modality] else {
        throw Diagnosis(
          "umt has no teacher for '\(modality)'", remedy: "let it prepare on the training data first",
          exitStatus: .usage)
      }
      let input = try withoutGradients {
        try session.model.encoded(modality, batch.inputs[modality]) { teacher.encoder[$0.path.description] }
      }
      let distance = try (feature - input.linear(teacher.weight, teacher.bias)).square().mean()
      report.scalars["distance.\(modality.name)"] = try distance.scalar()
      total = try total + distance * configuration.weight
    }
    return total
  }

  // MARK: State

  public func state() throws -> MethodState {
    MethodState(
      tensors: teachers.sorted { $0.key.name < $1.key.name }.flatMap {
        [("\($0.key).weight", $0.value.weight), ("\($0.key).bias", $0.value.bias)]
          + $0.value.encoder.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
      })
  }

  public mutating func restore(_ state: MethodState) throws {
    teachers = [:]
    let isEncoder = { (name: String) in name.hasPrefix("encoder.") }
    for (name, weight) in state.tensors where name.hasSuffix(".weight") && !isEncoder(name) {
      let modality = Modality(String(name.dropLast(".weight".count)))
      if let bias = state.tensor("\(modality).bias") { teachers[modality] = Teacher(weight: weight, bias: bias) }
    }
    for (name, tensor) in state.tensors where isEncoder(name) {
      let components = ParameterPath(name).components
      if components.count > 2 { teachers[Modality(components[1])]?.encoder[name] = tensor }
    }
  }
}
