// `import Seesaw` gives a program everything that is not the command.

@_exported public import Auditing
@_exported public import Balancing
@_exported public import Datasets
@_exported public import Encoders
@_exported public import Evaluation
@_exported public import Experiments
@_exported public import LanguageModels
@_exported public import Multimodal
@_exported public import Records
@_exported public import Reports
@_exported public import SeesawPredict
@_exported public import Torch
@_exported public import TorchNN
