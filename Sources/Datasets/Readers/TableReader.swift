#if READS_PARQUET
  import CArrow
  import Foundation
  import Multimodal
  import Records

  /// Rows of Parquet and Arrow files, read group by group; of pictures and sounds only where they are.
  struct TableReader {
    private let files: DataFiles
    private let settings: RawDatasetSettings
    private let needsLabels: Bool
    private var result: ReadSamples
    private var columns: TableColumns
    /// Rows so far, by split.
    private var counts: [String: Int] = [:]

    /// Rows of a batch without pictures.
    private static let batch = 4096
    /// Rows of a batch with them.
    private static let heavyBatch = 32

    init(_ files: DataFiles, _ settings: RawDatasetSettings, needsLabels: Bool) throws {
      self.files = files
      self.settings = settings
      self.needsLabels = needsLabels
      result = ReadSamples(folder: files.folder, notes: files.notes)
      columns = try TableColumns(settings)
    }

    /// - Throws: a `Diagnosis` where a file cannot be opened.
    mutating func read() throws -> ReadSamples {
      for (number, file) in files.files.enumerated() {
        let table = try ArrowFile(file.place)
        let schema = try table.schema()
        if number == 0 {
          columns.choose(schema, metadata: table.metadata("huggingface"), needsLabels: needsLabels)
          result.notes += columns.notes
          result.faults += columns.faults
        } else if let difference = columns.difference(of: schema) {
          result.faults.append(.unreadableFile(file.name, reason: difference))
        }
        guard result.faults.isEmpty else { break }
        for group in 0..<table.groups { try read(group, of: table, file) }
      }
      result.notes += result.rows.settleLabels(separator: settings.cellSeparator)
      result.classes = columns.classes ?? []
      result.roles = columns.roles.map { role in
        "\(role.role.rawValue): \(role.columns.map(\.name).joined(separator: "+"))"
      }
      result.inputs = TableCells(files.files, columns: columns.media)
      return result
    }

    /// What is known of a column of pictures or sounds in a group without reading them.
    private enum Presence { case all, none, unknown }

    private func presence(_ column: TableColumns.Column, _ table: ArrowFile, _ group: Int) -> Presence {
      guard let leaf = column.bytesLeaf, let rows = table.rows(in: group), let nulls = table.nulls(leaf, in: group)
      else { return .unknown }
      if nulls == 0 { return .all }
      return nulls == rows && !column.isList ? .none : .unknown
    }

    private mutating func read(_ group: Int, of table: ArrowFile, _ file: DataFiles.File) throws {
      let known = Dictionary(
        uniqueKeysWithValues: columns.media.map { ($0.name, presence($0, table, group)) })
      let light = !known.values.contains(.unknown)
      let wanted = columns.all.filter { column in
        !(column.isMedia && known[column.name] == .all && !column.isList)
      }.map(\.name)
      var row = 0
      do {
        if wanted.isEmpty, let count = table.rows(in: group) {
          for place in 0..<count { append(nil, place, row: place, group, file, known) }
          return
        }
        let reader = try table.read(
          wanted, in: group, light: light, rows: light || !table.isParquet ? Self.batch : Self.heavyBatch)
        while let batch = try reader.next() {
          for place in 0..<batch.count {
            append(batch, place, row: row, group, file, known)
            row += 1
          }
        }
      } catch {
        let reason = Diagnosis(describing: error)
        let words = "cannot be read: \(reason.found.first ?? reason.what)"
        // How many rows are lost must be known, or none can be trusted.
        guard let count = table.rows(in: group), count >= row else {
          result.faults.append(.unreadableFile(file.name, reason: words))
          return
        }
        for number in row..<count {
          var lost = RawRows.Row(number: number, file: "\(file.name):\(group)")
          lost.id = identifier(file)
          lost.split = file.split
          lost.fault = words
          result.rows.append(lost)
        }
      }
    }

    /// The name of a row that has none of its own: its split, and its place in it.
    private mutating func identifier(_ file: DataFiles.File) -> String {
      let split = file.split ?? ""
      let place = counts[split, default: 0]
      counts[split] = place + 1
      return split.isEmpty ? "\(place)" : "\(split)/\(place)"
    }

    private mutating func append(
      _ batch: ArrowArray?, _ place: Int, row number: Int, _ group: Int, _ file: DataFiles.File,
      _ known: [String: Presence]
    ) {
      var row = RawRows.Row(number: number, file: "\(file.name):\(group)")
      var object: [RawRole: Tree] = [:]
      var labels: [String]??
      for (role, chosen) in columns.roles {
        var values: [Tree] = []
        for column in chosen {
          if column.isMedia {
            let name = "\(file.name):\(group):\(number):\(column.name)"
            let presence = known[column.name] ?? .unknown
            if presence == .all, !column.isList {
              values.append(.string(name))
            } else if let array = batch?[column.name] {
              values += inputs(array, place, name, hasBytes: presence)
            }
            continue
          }
          guard let array = batch?[column.name] else { continue }
          guard let value = array.tree(place) else {
            row.fault = row.fault ?? "'\(column.name)' is not UTF-8"
            continue
          }
          if role == .label, let names = column.classNames {
            labels = .some(self.labels(value, of: names, &row))
          } else {
            values.append(value)
          }
        }
        object[role] = Self.joined(values, role)
      }
      row.read(object, isCell: !settings.labelSeparator.isEmpty)
      if let labels { row.labels = labels }
      let name = identifier(file)
      row.id = row.id ?? name
      row.split = file.split ?? row.split
      result.rows.append(row)
    }

    /// The values of several columns as one: pictures one after the other, texts in lines.
    private static func joined(_ values: [Tree], _ role: RawRole) -> Tree {
      if role == .image { return .list(values) }
      guard values.count > 1 else { return values.first ?? .null }
      let texts = values.compactMap { value in value == .null ? nil : value.stringValue ?? value.json() }
      return texts.isEmpty ? .null : .string(texts.joined(separator: "\n"))
    }

    /// Names of the pictures or sounds in a cell.
    private func inputs(_ array: ArrowArray, _ row: Int, _ name: String, hasBytes: Presence) -> [Tree] {
      guard !array.isNull(row) else { return [] }
      switch array.kind {
      case CARROW_LIST:
        guard let values = array.children.first?.array else { return [] }
        let range = array.range(row)
        return range.flatMap { inputs(values, $0, "\(name)[\($0 - range.lowerBound)]", hasBytes: hasBytes) }
      case CARROW_STRUCT:
        if hasBytes == .all { return [.string(name)] }
        if hasBytes == .unknown, let bytes = array["bytes"], !bytes.isNull(row) { return [.string(name)] }
        return array["path"]?.text(row).map { [.string(rooted($0))] } ?? []
      case CARROW_BYTES: return hasBytes == .none ? [] : [.string(name)]
      default: return array.text(row).map { [.string(rooted($0))] } ?? []
      }
    }

    /// A path as it is meant from the folder.
    private func rooted(_ path: String) -> String { columns.root.map { LayoutFiles.join($0, path) } ?? path }

    /// Labels by the names that the file gives to numbers, taken as they are; nil where none is told.
    private func labels(_ value: Tree, of names: [String], _ row: inout RawRows.Row) -> [String]? {
      switch value {
      case .int(let number):
        // The sign of the library for a label that is not told.
        if number == -1 { return nil }
        guard names.indices.contains(number) else {
          row.fault = row.fault ?? "the label \(number) is not one of the \(names.count) classes that the file names"
          return nil
        }
        return [names[number]]
      case .list(let values): return values.flatMap { labels($0, of: names, &row) ?? [] }
      case .string(let name): return [name]
      default: return nil
      }
    }
  }
#endif
