import Foundation
import Records

extension RawRows.Row {
  /// Takes what values say by their roles, as a line of JSON does.
  ///
  /// - Parameter isCell: whether a sign in a text separates labels.
  mutating func read(_ object: [RawRole: Tree], isCell: Bool) {
    func name(_ role: RawRole, _ row: inout Self) -> String? {
      RawRows.present(row.word(object[role], role.rawValue).map(RawRows.trimmed))
    }
    id = name(.id, &self)
    group = name(.group, &self)
    split = name(.split, &self)
    audio = RawRows.present(text(object[.audio], "audio").map(RawRows.trimmed))
    text = RawRows.present(text(object[.text], "text"))
    let pictures = (object[.image]?.listValue ?? [object[.image] ?? .null]).compactMap { path in
      RawRows.present(text(path, "image").map(RawRows.trimmed))
    }
    image = pictures.first
    frames = Array(pictures.dropFirst())
    if let label = object[.label] { read(label: label, isCell: isCell) }
  }
}
