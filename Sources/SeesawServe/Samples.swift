import Experiments
import Foundation
import Records

/// The samples of a request's body, and what is to be told about how they were read.
struct Samples {
  struct Sample {
    var id: String?
    var input: Result<PredictionInput, Diagnosis>
  }

  var samples: [Sample]
  /// Whether there is one sample by itself, which is answered by itself.
  var isSingle: Bool
  /// What was taken for something else or passed over, a sentence each.
  var notes: [String]

  /// - Parameter keys: what keys of samples mean.
  /// - Throws: a ``Refused`` where the body is none.
  init(_ request: Request, keys: PredictionKeys, most: Int) throws {
    switch request.mediaType {
    case "multipart/form-data": try self.init(multipart: request)
    case "application/json": try self.init(json: request.body, keys, most: most)
    case let type:
      throw Refused(
        415, type.map { "a body of the type '\($0)'" } ?? "a body without a type", place: "Content-Type",
        remedy: "send application/json or multipart/form-data")
    }
  }

  private init(json body: [UInt8], _ keys: PredictionKeys, most: Int) throws {
    guard body.areUTF8 else { throw Refused(400, "the body is not UTF-8 text") }
    guard !body.isEmpty else { throw Refused(400, "the body is empty", remedy: "send a sample as JSON") }
    let tree: Tree
    do { tree = try PredictionInput.tree(json: body, place: "body") } catch {
      throw Refused(400, Diagnosis(describing: error))
    }
    guard let table = tree.tableValue else {
      throw Refused(
        400, "the body is \(tree.described), no sample", remedy: "send {\"text\": …} or {\"instances\": […]}")
    }
    var keys = keys
    if let instances = table["instances"] {
      guard let list = instances.listValue, !list.isEmpty else {
        throw Refused(400, "'instances' is no list of samples")
      }
      guard list.count <= most else {
        throw Refused(413, BatchingPredictor.Refusal.tooMany(list.count, most: most).diagnosis)
      }
      if let other = table.keys.sorted().first(where: { $0 != "instances" }) {
        throw Refused(400, "'\(other)' beside 'instances'", remedy: "a sample's keys stand within the list")
      }
      samples = list.map { Self.sample($0, &keys) }
      isSingle = false
    } else {
      samples = [Self.sample(tree, &keys)]
      isSingle = true
    }
    var told: Set<String> = []
    notes = keys.newNotes(told: &told)
  }

  private static func sample(_ tree: Tree, _ keys: inout PredictionKeys) -> Sample {
    var id = PredictionInput.id(ofLine: tree)
    do {
      let line = try keys.read(tree)
      id = PredictionInput.id(ofLine: line) ?? id
      return Sample(id: id, input: .success(try PredictionInput(line: line, readsFiles: false)))
    } catch {
      return Sample(id: id, input: .failure(Diagnosis(describing: error)))
    }
  }

  /// Parts `image` (several make one sample), `audio`, `text`, `id`, and `features` as JSON.
  private init(multipart request: Request) throws {
    var images: [Data] = []
    var audio: Data?
    var plain: [String: String] = [:]
    var passed: Set<String> = []
    for part in try Multipart(request.body, contentType: request.contentType ?? "").parts {
      switch part.name {
      case "image", "image[]": images.append(Data(part.bytes))
      case "audio":
        guard audio == nil else { throw Refused(400, "two parts are called 'audio'") }
        audio = Data(part.bytes)
      case "text", "id", "features":
        guard plain[part.name] == nil else { throw Refused(400, "two parts are called '\(part.name)'") }
        guard let text = String(validating: part.bytes, as: UTF8.self) else {
          throw Refused(400, "the part '\(part.name)' is not UTF-8 text")
        }
        plain[part.name] = text
      default: passed.insert(part.name)
      }
    }
    do {
      // A part of a form that was left empty holds nothing.
      let features =
        try plain["features"].map { try PredictionInput.features(Tree(json: $0, place: "features")) } ?? [:]
      let input = PredictionInput(
        id: plain["id"], images: images.filter { !$0.isEmpty }, text: plain["text"],
        audio: audio.flatMap { $0.isEmpty ? nil : $0 }, features: features)
      guard input.image != nil || input.text != nil || input.audio != nil || !features.isEmpty else {
        throw Diagnosis("there is no part image, text, audio or features to predict from", exitStatus: .input)
      }
      samples = [Sample(id: plain["id"], input: .success(input))]
    } catch { samples = [Sample(id: plain["id"], input: .failure(Diagnosis(describing: error)))] }
    isSingle = true
    notes = passed.isEmpty ? [] : ["parts not used: \(passed.sorted().prefix(20).joined(separator: ", "))"]
  }
}

extension [UInt8] {
  /// Whether they are UTF-8 text; nearly always they are ASCII.
  fileprivate var areUTF8: Bool {
    withUnsafeBytes { $0.reduce(0, |) } < 0x80 || String(validating: self, as: UTF8.self) != nil
  }
}
