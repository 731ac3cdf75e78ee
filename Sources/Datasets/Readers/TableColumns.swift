#if READS_PARQUET
  import CArrow
  import Foundation
  import Multimodal
  import Records

  /// Which columns of a table are what: as its schema says, as they were named, or as columns are usually called.
  struct TableColumns {
    struct Column: Equatable {
      let name: String
      var isMedia = false
      var isList = false
      /// The names down to the bytes of a picture or sound.
      var bytesLeaf: [String]?
      /// What the numbers of a label mean.
      var classNames: [String]?
    }

    /// Columns by role, in the order in which they are joined.
    private(set) var roles: [(role: RawRole, columns: [Column])] = []
    private(set) var notes: [String] = []
    private(set) var faults: [RawDatasetFault] = []
    private let chosen: RawColumns.Choice
    /// The kinds of the columns in the first file.
    private var kinds: [String: carrow_kind] = [:]

    init(_ settings: RawDatasetSettings) throws { chosen = try RawColumns.Choice(settings.columns) }

    /// Where paths in cells are meant from.
    var root: String? { chosen.root }

    var all: [Column] { roles.flatMap(\.columns) }
    var media: [Column] { all.filter(\.isMedia) }
    /// The classes in the order of their numbers.
    var classes: [String]? { roles.first { $0.role == .label }?.columns.first?.classNames }

    mutating func choose(_ schema: ArrowArray, metadata: String?, needsLabels: Bool) {
      let features = Self.features(metadata)
      let found = schema.children.map(\.name)
      for (name, array) in schema.children { kinds[name] = array.leaf.kind }
      let twice = Dictionary(grouping: found) { $0 }.filter { $1.count > 1 }.keys.sorted()
      faults += twice.map { RawDatasetFault.repeatedColumn($0) }
      var used: Set<String> = []
      for role in RawRole.allCases {
        var names: [String] = []
        if let wanted = chosen.columns[role] {
          for name in wanted {
            guard found.contains(name) else {
              faults.append(.noSuchColumn(name, found: found, meant: nearest(to: name, in: found)))
              continue
            }
            names.append(name)
          }
          guard !names.isEmpty else { continue }
        } else {
          let fitting = schema.children.filter { child in
            !used.contains(child.name) && !chosen.columns.values.contains { $0.contains(child.name) }
              && fits(child.array, role, features[child.name], in: schema)
          }.map(\.name)
          guard let name = pick(role, of: fitting, features) else { continue }
          names = [name]
          if name.lowercased() != role.rawValue {
            notes.append(
              "the column '\(name)' is taken for '\(role.rawValue)'; --columns \(role.rawValue)=… names another")
          }
        }
        used.formUnion(names)
        roles.append((role, names.compactMap { name in schema[name].map { column(name, role, $0, features[name]) } }))
      }
      let ignored = found.filter { !used.contains($0) }
      if !ignored.isEmpty { notes.append("columns not used: \(ignored.prefix(40).joined(separator: ", "))") }
      let there = Set(roles.map(\.role))
      if needsLabels, !there.contains(.label), faults.isEmpty {
        faults.append(.noLabelColumn(found: found, meant: nil))
      }
      if there.isDisjoint(with: [.image, .text, .audio]), faults.isEmpty {
        faults.append(.noInputColumn(found: found))
      }
    }

    /// Why another file cannot be of the same set; nil where it can.
    func difference(of schema: ArrowArray) -> String? {
      for column in all {
        guard let array = schema[column.name] else {
          return "there is no column '\(column.name)', as in the first file"
        }
        let kind = array.leaf.kind
        // A column without any value has no kind of its own.
        guard kind == kinds[column.name] || kind == CARROW_NULL || kinds[column.name] == CARROW_NULL else {
          return "the column '\(column.name)' is of another kind than in the first file"
        }
      }
      return nil
    }

    // MARK: Choosing

    /// Whether values of a column can be what a role needs.
    private func fits(_ array: ArrowArray, _ role: RawRole, _ feature: Tree?, in schema: ArrowArray) -> Bool {
      let kind = array.leaf.kind
      let said = Self.featureKind(feature)
      switch role {
      case .image, .audio:
        if let said, ["Image", "Audio"].contains(said) { return said == (role == .image ? "Image" : "Audio") }
        // A path beside the bytes themselves is nothing to look for.
        let isPath = kind == CARROW_TEXT && !schema.children.contains { Self.holdsBytes($0.array) }
        return isPath || kind == CARROW_BYTES || Self.holdsBytes(array)
      case .text: return array.kind == CARROW_TEXT && said != "ClassLabel"
      case .label:
        return [CARROW_INT, CARROW_TEXT, CARROW_BOOL, CARROW_DOUBLE, CARROW_OTHER].contains(kind)
      case .id, .group, .split: return [CARROW_INT, CARROW_TEXT, CARROW_OTHER].contains(array.kind)
      }
    }

    private static func holdsBytes(_ array: ArrowArray) -> Bool {
      let leaf = array.leaf
      return leaf.kind == CARROW_BYTES
        || (leaf.kind == CARROW_STRUCT && (leaf["bytes"] != nil || leaf["path"] != nil))
    }

    /// The column of a role: that whose kind the schema says, or that of a usual name.
    private mutating func pick(_ role: RawRole, of fitting: [String], _ features: [String: Tree]) -> String? {
      let said: String? = [.image: "Image", .audio: "Audio", .label: "ClassLabel"][role]
      let told = fitting.filter { said != nil && Self.featureKind(features[$0]) == said }
      if told.count == 1 { return told[0] }
      let names = told.isEmpty ? fitting : told
      if let own = names.first(where: { $0.lowercased() == role.rawValue }) { return own }
      let usual = told.isEmpty ? names.filter { RawColumns.role(of: $0) == role } : told
      if usual.count > 1 { faults.append(.severalColumns(role.rawValue, usual)) }
      return usual.count == 1 ? usual[0] : nil
    }

    private func column(_ name: String, _ role: RawRole, _ array: ArrowArray, _ feature: Tree?) -> Column {
      var column = Column(name: name)
      let leaf = array.leaf
      if role == .image || role == .audio {
        column.isMedia = true
        column.isList = array.kind == CARROW_LIST
        if !column.isList {
          if leaf.kind == CARROW_BYTES { column.bytesLeaf = [name] }
          if leaf.kind == CARROW_STRUCT, leaf["bytes"] != nil { column.bytesLeaf = [name, "bytes"] }
        }
      }
      if role == .label { column.classNames = Self.classNames(feature) }
      return column
    }

    // MARK: What the library `datasets` writes beside the schema

    private static func features(_ metadata: String?) -> [String: Tree] {
      guard let metadata, let tree = try? Tree(json: metadata) else { return [:] }
      return tree[path: "info"]?[path: "features"]?.tableValue ?? [:]
    }

    /// A feature within the lists around it: `{"feature": …, "_type": "List"}`, or `[…]` in files of older versions.
    private static func inner(_ feature: Tree?) -> Tree? {
      if let only = feature?.listValue?.first { return inner(only) }
      if let within = feature?.tableValue?["feature"] { return inner(within) }
      return feature
    }

    private static func featureKind(_ feature: Tree?) -> String? {
      inner(feature)?.tableValue?["_type"]?.stringValue
    }

    private static func classNames(_ feature: Tree?) -> [String]? {
      guard featureKind(feature) == "ClassLabel" else { return nil }
      return inner(feature)?.tableValue?["names"]?.listValue?.compactMap(\.stringValue)
    }
  }
#endif
