public import Multimodal
public import Records
public import Torch

/// Unimodal training: each modality's embedding layer and classifier on its own loss, nothing shared.
///
///     θₘ, fₘ ← descend Lₘ = loss(fₘ(eₘ), y)
///
/// One run trains every modality, since their parameters have nothing in common; `modality` chooses one of them. The
/// prediction is that modality's classifier, or the mean of the logits of those that are present.
public struct UnimodalTraining: ObjectiveMethod, AnswersAbsence, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    @Setting("The one modality to train and predict with; empty trains each and predicts their mean") public
      var modality = ""
    public init() {}
  }

  public static let card = MethodCard(
    name: "unimodal", title: "Unimodal training", stage: .baseline,
    summary: "Trains each modality alone: what each is worth, and the reference for negative transfer.",
    needs: ["unimodal classifiers"],
    settings: settings)

  private let modality: Modality?

  public init(_ configuration: Configuration) {
    modality = configuration.modality.isEmpty ? nil : Modality(configuration.modality)
  }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    var losses: [Tensor] = []
    for (modality, logits) in try chosen(outputs) {
      let loss = try session.loss(logits, batch)
      report.losses[modality.name] = try loss.scalar()
      losses.append(loss)
    }
    return try Tensor.stack(losses).sum()
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    let all = try chosen(outputs)
    let present = all.filter { !absent.contains($0.0) }
    return try Tensor.stack((present.isEmpty ? all : present).map(\.1)).mean(0)
  }

  private func chosen(_ outputs: Outputs) throws -> [(Modality, Tensor)] {
    let all = Array(try outputs.unimodal())
    guard let modality else { return all }
    guard let one = all.first(where: { $0.0 == modality }) else {
      throw UnknownModality(name: modality.name, known: outputs.modalities.map(\.name))
    }
    return [one]
  }
}

/// A modality that the data does not have.
public struct UnknownModality: Diagnosable, Equatable {
  public let name: String
  public let known: [String]

  public var diagnosis: Diagnosis {
    Diagnosis(
      "there is no modality '\(name)'", found: ["the data has \(known.joined(separator: ", "))"],
      remedy: nearest(to: name, in: known).map { "did you mean '\($0)'?" }, exitStatus: .usage)
  }
}
