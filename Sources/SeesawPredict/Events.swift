import Foundation
import Synchronization

/// What long work says while it runs; the library itself prints nothing.
public enum ExperimentEvent: Sendable, Equatable {
  /// What is being worked on: a word and a sentence, such as `Data` and `emoji · 1,128 train, 156 validation, 317 test`.
  case phase(String, String)
  /// How far one piece of work has come.
  case progress(label: String, done: Int, total: Int, detail: String)
  /// Something a person should know, said once.
  case note(String)
  /// What a person must know before it happens, whatever else they want to hear.
  case warning(String)
}

/// Whoever listens; called from one thread at a time.
public typealias EventSink = @Sendable (ExperimentEvent) -> Void

/// Tells how far a part of some work has come, by the word of the whole, and nothing else of it.
package func progress(to events: @escaping EventSink, as label: String) -> EventSink {
  { event in
    if case .progress(_, let done, let total, let detail) = event {
      events(.progress(label: label, done: done, total: total, detail: detail))
    }
  }
}

/// A wish to stop, from a signal or another thread.
public final class StopFlag: Sendable {
  private let flag = Atomic<Bool>(false)
  private let others: [StopFlag]

  public init() { others = [] }

  /// A wish of its own, or that of any of these.
  package init(any others: [StopFlag]) { self.others = others }

  /// Asks the work to stop at its next safe point.
  public func request() { flag.store(true, ordering: .relaxed) }

  public var isRequested: Bool { flag.load(ordering: .relaxed) || others.contains(where: \.isRequested) }
}
