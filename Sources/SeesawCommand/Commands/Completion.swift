import ArgumentParser
import Balancing
import Evaluation
import Experiments
import Foundation
import Records
import ServeOptions

extension CompletionKind {
  /// A method's name.
  static var method: CompletionKind {
    .custom { _, _, typed in Completions.words(MethodRegistry.names, typed) }
  }

  /// Methods' names with commas between them.
  static var methods: CompletionKind {
    .custom { _, _, typed in Completions.list(MethodRegistry.names, typed) }
  }

  /// The same, or all.
  static var methodsOrAll: CompletionKind {
    .custom { _, _, typed in Completions.list(MethodRegistry.names + ["all"], typed) }
  }

  /// A recipe that comes with Seesaw.
  static var recipe: CompletionKind {
    .custom { _, _, typed in Completions.words(Recipe.names(in: Place.aboveProgramAndHere()), typed) }
  }

  /// Impairments' names with commas between them, or all.
  static var impairments: CompletionKind {
    .custom { _, _, typed in Completions.list(NamedImpairment.all.map(\.name) + ["all"], typed) }
  }

  /// The folder of a run.
  static var run: CompletionKind { .runs }

  /// The folder of a run or of a comparison.
  static var runOrComparison: CompletionKind {
    .custom { _, _, typed in
      Completions.folders(typed) { folder in
        RunFolder(folder).exists
          || FileManager.default.fileExists(atPath: folder.appending(path: ComparisonPlan.fileName).path)
      }
    }
  }
}
