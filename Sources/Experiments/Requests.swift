import Datasets
public import Encoders
public import Foundation
public import Multimodal
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

  public init(data: URL? = nil) { self.data = data }
}

/// How a training ended.
public enum TrainOutcome: Sendable {
  case finished(RunSummary)
  /// The same run was finished before; nothing was done.
  case alreadyDone(RunSummary)
  /// Stopped from outside; a checkpoint waits in the folder.
  case interrupted(URL)
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
  /// Ratios of impaired test samples to try besides, as in ``SweepRequest``; none where it is empty.
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

/// Raw data to be encoded, as asked for.
public struct EncodeRequest: Sendable {
  /// A folder with samples.csv or samples.jsonl, or such a file, or a folder in a published layout.
  public var raw: URL
  public var out: URL
  /// Encoders by modality: a name, or the path of a checkpoint folder; nil takes the built-in one.
  public var imageEncoder: String?
  public var textEncoder: String?
  public var audioEncoder: String?
  /// Checkpoint folders to take where no encoder is named.
  public var usualEncoders: [RawInput.Kind: URL] = [:]
  /// How a checkpoint's rows become one; nil takes what it says itself.
  public var imagePooling: Pooling?
  public var textPooling: Pooling?
  /// Of a module's rows.
  public var audioPooling: Pooling?
  /// What checkpoints compute in.
  public var precision = EncoderPrecision.float32
  /// Whether rows of checkpoints are stretched to a root mean square of 1.
  public var rescale = false
  /// Encodes the training pictures also with left and right exchanged, for `training.flip`.
  public var flip = false
  /// What the test split is encoded under besides missing and noisy: `blur=5,typos=0.2`, as ``ChosenImpairment`` reads it.
  public var impairments = ""
  /// Which views of the training split are encoded; of the validation split all conditions are, unless it is none.
  public var views = EncodeViews.usual
  /// How many draws there are of each training view.
  public var viewDraws = 1
  /// Encodes only a part of the samples, for one of several machines; a call without then puts all together.
  public var shard: EncodeShard?
  /// Where rows are kept, so that none is encoded twice; nil is `<out>.cache`.
  public var cache: URL?
  /// `key=value` over `EncodeSettings`.
  public var settings: [String] = []
  /// Refuses where a sample would be quarantined.
  public var strict = false
  /// Takes pictures also where a symbolic link leads out of the folder.
  public var followLinks = false
  /// The published layout of the folder, and which of its ways to read it; nil finds out, and takes the first.
  public var layout: String?
  public var variant: String?
  /// How a table of samples is read.
  public var table = TableRequest()
  /// Goes on where more is left out than ``Datasets/LossLimit`` admits.
  public var allowLoss = false
  public var metric: String?
  public var name: String?
  /// Encodes anew although the same is there.
  public var again = false
  /// Replaces features that were made otherwise of the same raw data, as by an older version.
  public var renews = false
  /// Waits for whoever is at work on the folder, instead of refusing.
  public var wait = false

  public init(raw: URL, out: URL) {
    self.raw = raw
    self.out = out
  }
}

/// What encoding left behind.
public struct EncodeSummary: Sendable, Codable {
  public var folder: String
  public var alreadyDone: Bool
  public var counts: [String: Int]
  public var widths: [String: Int]
  /// What a sample is, in words (`64 × 64 pixels`), of the modalities that are no features; nil where all are.
  public var forms: [String: String]?
  public var conditions: [String]
  /// The impairments that training views are there under, by modality; nil where there are none.
  public var views: [String: [String]]?
  /// Samples left out, each with its row and reason; also in quarantine.jsonl.
  public var quarantined: Int
  public var notes: [String]
  public var seconds: Double
  /// Of all views; nil where nothing was to be encoded.
  public var rows: Rows?
  /// The folder that keeps rows.
  public var cache: String?
  /// `2/8`; nil where the whole was made.
  public var shard: String?

  /// How many rows were known already, and how many were encoded.
  public struct Rows: Sendable, Codable, Equatable {
    public var known: Int
    public var encoded: Int
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

/// A prediction, and how far it may be trusted.
public struct Prediction: Sendable, Codable, Equatable {
  public var id: String?
  /// Of a regression, the predicted number, in the target's own unit; nil of classes.
  public var value: Double?
  /// The most probable class; every class above its threshold where there may be several; empty of a regression.
  public var labels: [String]
  /// By class name; empty of a regression.
  public var probabilities: [String: Double]
  /// The same, calibrated on the run's validation split; nil where the run was not calibrated for what is present.
  public var calibrated: [String: Double]?
  /// The modalities that were there.
  public var present: [String]
  /// Those that were given and empty, and so taken as absent; nil where none was.
  public var empty: [String]?
  /// How far the prediction rests on each modality, shares with sum 1; nil where the method does not tell.
  public var reliance: [String: Double]?
  /// `full` or `<modality>-absent`; nil where the run was not tried so.
  public var condition: String?
  /// The run's score on the test split under that condition.
  public var score: Double?
  public var metric: String
  /// Of a regression, the run's mean absolute error on the test split under that condition, in the target's unit.
  public var mae: Double?
  /// The same, the root of the mean squared error.
  public var rmse: Double?
  /// What made the calibrated probabilities, and how far they were from the truth on the test split.
  public var calibration: Calibration?
  /// Which model answered: ``Predictor/digest``.
  public var model: String?
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
