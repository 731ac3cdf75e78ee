// `import SeesawPredict` gives a program what predicts and what it registers methods, fusions and encoders with.

@_exported public import Balancing
@_exported public import Encoders
@_exported public import Multimodal
@_exported public import Records
