public import ArgumentParser
package import Foundation
import Records

extension CompletionKind {
  /// Folders of runs.
  public static var runs: CompletionKind {
    .custom { _, _, typed in Completions.folders(typed) { RunFolder($0).exists } }
  }
}

/// What a shell offers for what has been typed of a word.
package enum Completions {
  package static func words(_ words: [String], _ typed: String) -> [String] { words.filter { $0.hasPrefix(typed) } }

  package static func list(_ words: [String], _ typed: String) -> [String] {
    let parts = typed.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let before = parts.dropLast()
    let last = parts.last ?? ""
    let head = before.isEmpty ? "" : before.joined(separator: ",") + ","
    return words.filter { $0.hasPrefix(last) && !before.contains($0) }.map { head + $0 }
  }

  /// Folders to which what has been typed may lead, as paths of its kind; in order, without what begins with a dot.
  ///
  /// It looks into 2,000 folders at most, so that a key answers at once.
  ///
  /// - Parameter isWanted: whether a folder is one of those; in a run there is no other, in a comparison there are.
  package static func folders(
    _ typed: String, in place: URL = URL(filePath: FileManager.default.currentDirectoryPath), _ isWanted: (URL) -> Bool
  ) -> [String] {
    let head = typed.lastIndex(of: "/").map { String(typed[...$0]) } ?? ""
    let expanded = (head as NSString).expandingTildeInPath
    let root =
      head.isEmpty ? place : expanded.hasPrefix("/") ? URL(filePath: expanded) : place.appending(path: expanded)
    var found: [String] = []
    var queue: [(path: String, depth: Int)] = [("", 0)]
    var looked = 0
    while let (path, depth) = queue.popLast(), looked < 2000 {
      looked += 1
      let folder = path.isEmpty ? root : root.appending(path: path)
      if !path.isEmpty, isWanted(folder) {
        found.append(head + path)
        if RunFolder(folder).exists { continue }
      }
      guard depth < 5 else { continue }
      let inside =
        (try? FileManager.default.contentsOfDirectory(
          at: folder, includingPropertiesForKeys: [.isDirectoryKey], options: .skipsHiddenFiles)) ?? []
      for child in inside where (try? child.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) == true {
        let next = path.isEmpty ? child.lastPathComponent : "\(path)/\(child.lastPathComponent)"
        if (head + next).hasPrefix(typed) || path.isEmpty == false { queue.append((next, depth + 1)) }
      }
    }
    return found.filter { $0.hasPrefix(typed) }.sorted()
  }
}
