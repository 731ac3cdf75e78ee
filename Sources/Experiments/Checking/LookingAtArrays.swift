import Datasets
public import Foundation
import Multimodal
import Records

extension Experiment {
  /// Whether a place is a file of arrays, for `import`.
  public static func isArrays(_ place: URL) -> Bool {
    var isFolder: ObjCBool = false
    guard place.isFileURL, FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder),
      !isFolder.boolValue
    else { return false }
    return ["npz", "npy", "safetensors"].contains(place.pathExtension.lowercased()) || HDF5File.isOne(place)
  }

  /// Refuses a file of arrays that cannot be read.
  public static func requireArrays(_ place: URL) throws {
    var request = ImportRequest(out: place)
    request.file = place
    _ = try ImportArrays(request)
  }

  /// What a file of arrays holds, and what an import would take it for.
  static func lookAtArrays(_ place: URL) -> [String] {
    var request = ImportRequest(out: place)
    request.file = place
    let kind = HDF5File.isOne(place) ? "an HDF5 file" : "a file"
    var lines = ["\(kind) of arrays, for features that were made elsewhere"]
    do {
      let arrays = try ImportArrays(request)
      lines += held(arrays)
      guard arrays.names.count > 1 || place.pathExtension.lowercased() != "npy" else {
        return lines + [
          "next: seesaw import --image \(place.relativePath.shellQuoted) --labels LABELS.npy --out FOLDER"
        ]
      }
      return lines + taken(&request, arrays)
    } catch {
      return lines + doubt(Diagnosis(describing: error))
    }
  }

  /// The arrays with their shapes, and those that are not read.
  private static func held(_ arrays: ImportArrays) -> [String] {
    let shown = 12
    let unread = arrays.names.filter { arrays.unread[$0] != nil }
    let words = arrays.names.filter { arrays.unread[$0] == nil }.map { name in
      guard let array = try? arrays.load(name) else { return "\(name) (cannot be read)" }
      let shape = array.shape.isEmpty ? "one" : array.shape.map(String.init).joined(separator: " × ")
      return "\(name): \(shape) \(array.kind.plural)"
    }
    var lines = ["arrays: " + few(words, shown, separator: "; ")]
    if !unread.isEmpty {
      lines.append("not read: " + few(unread.map { "\($0), for \(arrays.unread[$0] ?? "")" }, 4, separator: "; "))
    }
    return lines + arrays.notes
  }

  /// What an import would take for what, what is in doubt, and the command.
  private static func taken(_ request: inout ImportRequest, _ arrays: ImportArrays) -> [String] {
    var options: [String] = []
    do {
      // Where nothing is called labels, what often holds them is tried.
      if (try? ImportChoice(request, arrays)) == nil, let likely = ImportChoice.likelyLabels(arrays) {
        request.labels = likely
        options += ["--labels", likely.shellQuoted]
      }
      let choice = try ImportChoice(request, arrays)
      let labels = try arrays.load(choice.labels)
      var lines = ["labels: \(choice.labels) (\(labels.shape.first ?? 0) rows)"]
      var ids = choice.ids
      if ids == nil, let only = onlyTexts(arrays, labels.shape.first ?? 0, except: choice) {
        ids = only
        options += ["--ids", only.shellQuoted]
      }
      if let ids { lines.append("ids: \(ids)") }
      lines.append(choice.split.map { "split: \($0)" } ?? "split: none; it is to be drawn")
      let fitting = try choice.modalities.filter { modality in
        let array = try arrays.load(modality.array)
        return array.isFeatures && array.shape.first == labels.shape.first
      }
      if fitting.count < choice.modalities.count, !fitting.isEmpty {
        let others = choice.modalities.filter { one in !fitting.contains { $0.name == one.name } }
        lines.append(
          "in doubt: \(others.map(\.array).joined(separator: ", ")) \(others.count == 1 ? "has" : "have") another shape"
        )
        let named = fitting.map { $0.name == $0.array ? $0.name : "\($0.name)=\($0.array)" }
        options += ["--modalities", named.joined(separator: ",").shellQuoted]
      }
      lines.append("modalities: \((fitting.isEmpty ? choice.modalities : fitting).map(\.name).joined(separator: ", "))")
      return lines + [next("import", request.file ?? request.out, options)]
    } catch {
      return doubt(Diagnosis(describing: error))
    }
  }

  /// The one array of a text for each row, which may be the samples' names.
  private static func onlyTexts(_ arrays: ImportArrays, _ rows: Int, except choice: ImportChoice) -> String? {
    let spoken = [choice.labels, choice.split, choice.classNames, choice.groups]
    let found = arrays.names.filter { name in
      guard !spoken.contains(name), arrays.unread[name] == nil, let array = try? arrays.load(name) else { return false }
      return array.kind == .text && array.column == [rows]
    }
    return found.count == 1 ? found[0] : nil
  }

  private static func doubt(_ diagnosis: Diagnosis) -> [String] {
    ["in doubt: \(([diagnosis.what] + diagnosis.found.prefix(3)).joined(separator: "; "))"]
      + (diagnosis.remedy.map { ["what helps: \($0)"] } ?? [])
  }
}
