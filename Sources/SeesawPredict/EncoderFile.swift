package import Encoders
package import Foundation
import LanguageModels
import Multimodal
import Records
import Torch

/// A fitted encoder on disk: its arrays, and in the header its name, version and settings.
package enum EncoderFile {
  package static func write(_ encoder: any RawEncoder, to url: URL) throws {
    let state = try encoder.state()
    let type = type(of: encoder)
    let arrays = try state.arrays.sorted { $0.key < $1.key }.map {
      ($0.key, try Tensor($0.value.values, shape: $0.value.shape))
    }
    let metadata = [
      "encoder": type.name, "version": "\(type.version)", "kind": type.kind.rawValue,
      "state": String(decoding: state.json, as: UTF8.self),
    ]
    try SafeTensors.write(arrays, metadata: metadata, to: url)
  }

  /// - Parameter warn: is told what a person must know before code out of a file is run.
  package static func read(_ url: URL, warn: (String) -> Void) throws -> any RawEncoder {
    let file = try SafeTensors(reading: url)
    guard let name = file.metadata["encoder"], let kind = file.metadata["kind"].flatMap(RawInput.Kind.init),
      let json = file.metadata["state"]
    else { throw Diagnosis("this is no encoder of Seesaw's", place: url.relativePath, exitStatus: .input) }
    do {
      return try EncoderRegistry.restored(
        named: name, of: kind, version: file.metadata["version"], further: PromptedEncoders.all, warn: warn
      ) {
        var arrays: [String: EncoderArray] = [:]
        for entry in file.entries {
          arrays[entry.name] = EncoderArray(shape: entry.shape, values: try file.tensor(entry.name).array())
        }
        return EncoderState(json: Data(json.utf8), arrays: arrays)
      }
    } catch let error as EncoderError {
      throw error.diagnosis.placed(in: url.relativePath)
    }
  }
}
