import Records

extension EventFile {
  /// The event file of a run, as far as it has come; where there is none, it is made of the run's records.
  ///
  /// An epoch's numbers stand at its last step.
  convenience init(of run: RunFolder, stepsBelow limit: Int) throws {
    let isNew = limit > 0 && EventFile.files(in: run.url).isEmpty
    try self.init(in: run.url, keepingStepsBelow: limit)
    guard isNew else { return }
    var epochs = try run.readEpochs()[...]
    let steps = try run.readSteps().filter { $0.step < limit }
    for (place, row) in steps.enumerated() {
      try append(row.scalarsByTag, step: row.step)
      let isLast = place + 1 == steps.count || steps[place + 1].epoch > row.epoch
      if isLast, epochs.first?.epoch == row.epoch, let epoch = epochs.popFirst() {
        try append(epoch.scalarsByTag, step: row.step)
      }
    }
  }
}
