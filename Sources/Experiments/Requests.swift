import Datasets
public import Foundation
public import Records

/// One training run as it is asked for.
public struct TrainRequest: Sendable {
  /// The feature set's folder; nil where a configuration names it.
  public var data: URL?
  public var method: String?
  public var seed: Int?
  /// The run folder; nil puts it under `runs/<data>/<method>/seed-<seed>-<digest>`.
  public var out: URL?
  /// Configuration files (YAML, JSON or a run.json), laid over the defaults in order.
  public var files: [URL] = []
  /// `key=value`, laid over the files.
  public var settings: [String] = []
  /// Goes on from the checkpoint of an interrupted run in `out`.
  public var resume = false
  /// Runs anew although the same run is finished.
  public var again = false
  /// Begins a run anew that was made otherwise on the same data, as by an older version.
  public var renews = false
  /// Waits for whoever is at work in the folder, instead of refusing.
  public var wait = false
  /// Also writes TensorBoard's event file into the run's folder; of a finished run from its records.
  public var tensorboard = false
  /// Also writes the run into this folder as MLflow keeps runs; of a finished run from its records.
  public var mlflow: URL?
  /// Which of several processes this is that train the model together, each called with the same request; nil: the only one.
  public var process: LaunchedProcess?

  public init(data: URL? = nil) { self.data = data }
}

/// How a training ended.
public enum TrainOutcome: Sendable {
  case finished(RunSummary)
  /// The same run was finished before; nothing was done.
  case alreadyDone(RunSummary)
  /// Stopped from outside; a checkpoint waits in the folder.
  case interrupted(URL)
  /// Of a process that has taken part in the training of another, which says how it ended; and what it ends with itself.
  case followed(ExitStatus)
}

/// A finished run.
public struct RunSummary: Sendable {
  public let folder: URL
  public let record: RunRecord
  public let evaluation: EvaluationTable
}

/// One row of a comparison: a method, and what is set for it alone.
public struct ComparisonRow: Sendable, Equatable {
  /// What the table calls it, and its folder.
  public var label: String
  public var method: String
  /// `key=value`, laid over the settings of the whole comparison.
  public var settings: [String]

  public init(label: String, method: String, settings: [String] = []) {
    self.label = label
    self.method = method
    self.settings = settings
  }
}

/// Methods × seeds on one data set, as asked for.
public struct CompareRequest: Sendable {
  public var data: URL
  public var rows: [ComparisonRow]
  /// How many; they are 0, 1, 2, ….
  public var seeds: Int
  public var out: URL
  public var files: [URL] = []
  public var settings: [String] = []
  /// Runs at the same time, on no more threads than there are cores; 0 is as many as they admit.
  public var jobs = 0
  /// Trials of a search by validation score for every row; with 0 nothing is searched.
  ///
  /// The first trial is the row as it is; every row has the same number of them.
  public var tuning = 0
  /// Also writes TensorBoard's event files into the runs' folders.
  public var tensorboard = false
  /// Also writes the finished runs into this folder as MLflow keeps runs.
  public var mlflow: URL?
  /// Begins runs anew that were made otherwise on the same data, as by an older version.
  public var renews = false
  /// Gives each row as many epochs as bring its updates to the baseline's.
  public var equalUpdates = false
  /// Also trains a model for each condition alone, and says what each row gives away against it.
  public var specialists = true
  /// The row that others are compared with; nil for joint training, or the first where there is none.
  public var baseline: String?
  /// Trains nothing, and takes what is finished of the planned runs.
  public var joins = false
  /// Ratios of impaired test samples to try besides, as in `SweepRequest`; none where it is empty.
  public var sweepRatios: [Double] = []
  /// Waits for whoever is at work in the folder, instead of refusing.
  public var wait = false

  /// A comparison of methods as they are; each row is labelled with the method's name.
  public init(data: URL, methods: [String], seeds: Int, out: URL) {
    self.init(data: data, rows: methods.map { ComparisonRow(label: $0, method: $0) }, seeds: seeds, out: out)
  }

  public init(data: URL, rows: [ComparisonRow], seeds: Int, out: URL) {
    self.data = data
    self.rows = rows
    self.seeds = seeds
    self.out = out
  }
}

/// How a table of samples is read, where that is not found out; nil leaves it to the settings of the data.
public struct TableRequest: Sendable, Equatable {
  /// Which column is what: `text=Title+Body,label=Category,image=Photo,image-root=photos`.
  public var columns: String?
  /// How it is written in bytes, such as `windows-1252`.
  public var encoding: String?
  /// The sign between columns, or `tab`.
  public var delimiter: String?
  /// The sign between several labels of a cell, or `none`.
  public var labelSeparator: String?
  /// A second table with labels by id.
  public var labels: String?
  /// Which names of splits mean what: `train=0+1,validation=2,test=3`.
  public var splitNames: String?
  /// `regression` where labels are numbers that are predicted; nil: they are classes.
  public var task: String?

  public init() {}

  /// The settings with what is asked for laid over, a published layout and its variant among it.
  func over(_ settings: RawDatasetSettings, layout: String? = nil, variant: String? = nil) -> RawDatasetSettings {
    var settings = settings
    settings.layout = layout ?? settings.layout
    settings.variant = variant ?? settings.variant
    settings.columns = columns ?? settings.columns
    settings.encoding = encoding ?? settings.encoding
    settings.delimiter = delimiter ?? settings.delimiter
    settings.labelSeparator = labelSeparator ?? settings.labelSeparator
    settings.labels = labels ?? settings.labels
    settings.splitNames = splitNames ?? settings.splitNames
    settings.task = task ?? settings.task
    return settings
  }
}

/// Features made elsewhere, to become a feature set.
public struct ImportRequest: Sendable {
  /// One .npz, .safetensors or HDF5 file with everything, or none where `parts` are given.
  public var file: URL?
  /// Arrays by role (`image`, `text`, `labels`, `split`, …) from files of their own (.npy, or .csv without names).
  public var parts: [String: URL] = [:]
  public var out: URL
  /// Modalities and the arrays they come from, in order; empty takes every array that can be features.
  public var modalities: [(name: String, array: String)] = []
  public var labels = "labels"
  public var split: String?
  public var classes: [String] = []
  public var task: String?
  public var metric: String?
  public var name: String?
  public var seed = 0
  /// Gives every column mean 0 and standard deviation 1 over the training split.
  public var standardize = false
  /// How sequences [N, T, D] become rows; nil: by their mean, and a note says so.
  public var pooling: ImportPooling?
  /// The array of the samples' names; nil takes one of a usual name.
  public var ids: String?
  /// The array that says whom a sample belongs to; nil takes one of a usual name.
  public var groups: String?
  /// Makes an error of any row that would be left out.
  public var strict = false
  /// Goes on however much is left out.
  public var allowLoss = false
  /// Takes the place of another import.
  public var again = false
  /// Waits for whoever is at work on the folder, instead of refusing.
  public var wait = false

  public init(out: URL) { self.out = out }
}

/// One step to be taken apart.
public struct GradientRequest: Sendable {
  public var weights: URL
  public var batch: URL
  /// What the method remembers: the `method.safetensors` of a run, or a file like it; nil where it begins.
  public var state: URL?
  public var method = "balgrad"
  public var settings: [String] = []
  public var files: [URL] = []
  /// t/(T − 1), 0…1.
  public var progress = 0.0
  /// T.
  public var steps = 1000
  /// The order of the modalities; empty takes the file's.
  public var modalities: [String] = []
  public var task = "single-label"
  /// `float64` or `float32`.
  public var precision = "float64"
  public var seed = 0
  public var out: URL?

  public init(weights: URL, batch: URL) {
    self.weights = weights
    self.batch = batch
  }
}

/// A step taken apart: every scalar of it.
public struct GradientReport: Sendable, Codable, Equatable {
  public var method: String
  public var modalities: [String]
  public var progress: Double
  public var losses: [String: Double]
  public var scalars: [String: Double]
  /// The norm of the update direction by parameter.
  public var updateNorms: [String: Double]
  public var out: String?
}

/// One line of the doctor's answer.
public struct Finding: Sendable, Codable, Equatable {
  public enum State: String, Sendable, Codable { case good, warning, bad }
  public var name: String
  public var state: State
  public var found: String
  public var remedy: String?

  public init(_ name: String, _ state: State, _ found: String, remedy: String? = nil) {
    self.name = name
    self.state = state
    self.found = found
    self.remedy = remedy
  }
}
