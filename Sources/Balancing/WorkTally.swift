package import Records

/// Counts what a training takes, and what is trained besides it: the tally of a copy is handed on to that of its context.
package final class WorkTally {
  package var work = Work()
  private let parent: WorkTally?

  package init(of parent: WorkTally? = nil) { self.parent = parent }

  func updated() {
    work.updates += 1
    // A copy that nobody moves was made to look at.
    parent?.updatedBesides(isFirst: work.updates == 1)
  }

  private func updatedBesides(isFirst: Bool) {
    work.otherUpdates += 1
    if isFirst { work.otherModels += 1 }
    parent?.updatedBesides(isFirst: isFirst)
  }

  func visited(_ samples: Int) { work.samples += samples }
}
