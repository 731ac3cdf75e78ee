public import Datasets
import Encoders
public import Evaluation
import Foundation
public import Records

/// What encoding can be told by `--set`.
public struct EncodeSettings: Settings {
  public var impairments = ImpairmentSettings()
  public var data = RawDatasetSettings()
  /// Further conditions with that share of pixels or tokens hit: 0.5 makes `image-noisy-0.5` and `text-noisy-0.5`.
  public var noiseLevels: [Double] = []
  /// 0 takes one a core.
  public var threads = 0
  public init() {}

  /// The settings that features depend on, as they are named by.
  ///
  /// What earlier versions had no setting for goes unsaid where it is as usual, so that their features are known again.
  package func essence() throws -> Tree {
    var essence = self
    essence.threads = 0
    var tree = try Tree(encoding: essence)
    let usual = try Tree(encoding: EncodeSettings())
    for path in Self.later where tree[path: path] == usual[path: path] { tree[path: path] = nil }
    return tree
  }

  private static let later = [
    "columns", "encoding", "delimiter", "label_separator", "labels", "split_names", "picture_separator", "map",
    "take_incomplete", "task",
  ].map { "data.\($0)" }
}
