import Datasets
import Foundation
import Multimodal
import Records
import Torch

/// What an import is made of: the rows that can be used, and those that cannot.
struct ImportedRows {
  let labels: ImportLabels
  let split: ImportSplit
  /// [N, D] float32 of each modality, or pictures.
  let features: [Tensor]
  /// Those that are left out, counted from 0 as the arrays count them.
  let refused: [Quarantined]
  private(set) var notes: [String]
  /// Of the rows that are used.
  private let ids: [String]?
  private let groups: [String]?
  /// Their places in the arrays.
  private let places: [Int]

  /// - Throws: a `Diagnosis`; also where too much would be lost, or anything where nothing may be.
  init(_ request: ImportRequest, _ arrays: ImportArrays, _ choice: ImportChoice, events: EventSink) throws {
    var choice = choice
    let given = try arrays.load(choice.labels)
    let count = given.shape.first ?? 0
    let names = try choice.classNames.map(arrays.load)
    var reasons: [Int: String] = [:]
    func refuse(_ rows: [Int], _ reason: String) { for row in rows { reasons[row] = reasons[row] ?? reason } }
    let isRegression = try request.task.map(ImportLabels.task(named:)) == .regression
    if isRegression, given.column.count == 1 {
      for (row, cell) in try ImportLabels.targetCells(given).enumerated() {
        if case .refused(let reason) = cell { refuse([row], reason) }
      }
    }
    refuse(try given.missingRows(), isRegression ? "has no target" : "has no label")
    let labelled = (0..<count).filter { reasons[$0] == nil }
    // Before the features are read, which may take long.
    let all = try labelled.isEmpty ? nil : ImportLabels(request, given.keeping(labelled), names: names)
    let splits = try choice.split.map(arrays.load)
    if let splits, splits.column == [count] { refuse(try splits.missingRows(), "has no split") }
    let read = try choice.features(arrays, given, request.pooling, events: events)
    for (modality, one) in zip(choice.modalities, read) {
      refuse(one.unusable, "modality '\(modality.name)' is not finite (NaN or infinite in float32)")
    }
    let allIDs = try choice.ids.map { try arrays.load($0).words() }
    let allGroups = try choice.groups.map { try arrays.load($0).words() }
    let file = URL(filePath: arrays.place).lastPathComponent
    refused = reasons.keys.sorted().map {
      Quarantined(row: $0, file: file, id: allIDs?[$0], reason: reasons[$0] ?? "")
    }
    let places = (0..<count).filter { reasons[$0] == nil }
    self.places = places
    if request.strict, !refused.isEmpty { throw RawDatasetError(place: arrays.place, faults: [.strict(refused)]) }
    guard let all, !places.isEmpty else {
      throw RawDatasetError(place: arrays.place, faults: [.nothingUsable(rows: count)], quarantined: refused)
    }
    labels = places.count == all.count ? all : try ImportLabels(request, given.keeping(places), names: names)
    if !request.allowLoss {
      let modalities = Set(choice.modalities.map(\.name))
      let lines = refused.map { "\($0.place): \($0.reason)" }
      let loss = LossLimit.diagnosis(
        before: .init(rows: count, classes: all.present, modalities: modalities),
        after: .init(rows: places.count, classes: labels.present, modalities: modalities), place: arrays.place,
        reasons: lines)
      if let loss { throw loss }
    }
    let isWhole = places.count == count
    features = try isWhole ? read.map(\.features) : read.map { try $0.features.indexed(0, by: Tensor(places)) }
    ids = allIDs.map { all in places.map { all[$0] } }
    groups = allGroups.map { all in places.map { all[$0] } }
    split =
      try splits.map { array in
        // One of another length is refused with its own.
        let isFitting = array.column == [count]
        return try ImportSplit(
          isFitting ? array.keeping(places) : array, rows: isFitting ? places.count : count, place: arrays.place)
      }
      ?? ImportSplit(drawing: labels, seed: request.seed, groups: groups)
    notes = arrays.notes + choice.notes + labels.notes + split.notes
  }

  /// What the arrays say of some of the rows; nil where they have neither names nor groups.
  func origins(of rows: [Int]) -> [SampleOrigin]? {
    guard ids != nil || groups != nil else { return nil }
    return rows.map { row in
      SampleOrigin(
        id: ids?[row] ?? "\(places[row])",
        label: labels.target(row).map { ["\($0)"] } ?? labels.labels(row).map { labels.classes[$0] },
        group: groups?[row])
    }
  }
}
