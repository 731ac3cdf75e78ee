import Foundation
import Multimodal
import Records

/// Samples in tar archives in the manner of WebDataset: members that stand one after the other and have a key in common.
///
/// The key of a member is its path to the first dot of the last name in it, the ending is what follows that dot.
struct ArchiveReader {
  private let files: DataFiles
  private let roles: MemberRoles
  private let settings: RawDatasetSettings
  private var result: ReadSamples
  /// Endings that were met, how often, and for those of no known role the first member.
  private var endings: [String: Int] = [:]
  private var needed: Set<String> = []
  private var compressed: Set<String> = []
  /// The samples of each archive, in order: rows are made of them once all archives are known, without a second reading.
  private var gathered: [(file: DataFiles.File, samples: [Gathered])] = []

  init(_ files: DataFiles, _ settings: RawDatasetSettings) throws {
    self.files = files
    self.settings = settings
    roles = try MemberRoles(settings.map)
    result = ReadSamples(folder: files.folder, notes: files.notes)
  }

  /// A member's name taken apart.
  struct Name {
    let key: String
    let ending: String

    /// Nil for what is no part of a sample: hidden files, and names without an ending.
    init?(_ path: String) {
      let path = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
      let start = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
      let name = path[start...]
      guard !name.hasPrefix("."), !path.hasPrefix("__MACOSX/"), let dot = name.firstIndex(of: ".") else { return nil }
      key = String(path[..<dot])
      ending = name[name.index(after: dot)...].lowercased()
      guard !ending.isEmpty, !path.contains("\0") else { return nil }
    }
  }

  /// What the members of all archives are, known before rows are made of them.
  private struct Survey {
    /// Keys, by 64 bits of their digests, that come again after another key.
    var returning: Set<UInt64> = []
    var strange = 0
    /// Two endings that one sample has for the same role.
    var doubled: (String, String)?
  }

  mutating func read() throws -> ReadSamples {
    var survey = Survey()
    for file in files.files { look(through: file, &survey) }
    if let (first, second) = survey.doubled {
      result.faults.append(
        .unsupported(
          "samples have two members that could be the same: .\(first) and .\(second)",
          remedy: "say which is what: --map \(first)=\(roles.role(of: first) ?? "image"),\(second)=none"))
    }
    let known = endings.filter { roles.role(of: $0.key) != nil }
    needed = Set(known.keys.compactMap { roles.role(of: $0) }.filter { ["image", "text", "audio"].contains($0) })
    addNotes(survey)
    if known.isEmpty, result.faults.isEmpty {
      let names = endings.keys.sorted().prefix(20).map { ".\($0)" }
      result.faults.append(
        .unsupported(
          "no member of the archives is known to be a picture, a text or a sound"
            + (names.isEmpty ? "" : "; there is \(names.joined(separator: ", "))"),
          remedy: "say what they are: --map \(endings.keys.sorted().first ?? "jpg")=image"))
    }
    guard result.faults.isEmpty else { return result }
    for (file, samples) in gathered { makeRows(of: samples, file, survey) }
    gathered = []
    result.notes += result.rows.settleLabels(separator: settings.cellSeparator)
    result.inputs = ArchiveMembers(files.files, compressed: compressed)
    return result
  }

  private mutating func addNotes(_ survey: Survey) {
    for (ending, role) in roles.named.sorted(by: { $0.key < $1.key }) where endings[ending] == nil {
      result.notes.append("--map: no member ends in .\(ending), which would be '\(role)'")
    }
    let passed = endings.filter { roles.role(of: $0.key) == nil }.sorted { $0.key < $1.key }
    if !passed.isEmpty {
      let words = passed.prefix(20).map { ".\($0.key) (\($0.value))" }.joined(separator: ", ")
      result.notes.append("members not used: \(words)\(passed.count > 20 ? ", …" : ""); --map says what they are")
    }
    if survey.strange > 0 {
      result.notes.append("\(survey.strange) members without an ending, hidden or links: not used")
    }
  }

  private static func bits(_ key: String) -> UInt64 { RowKey(InputDigest(of: Data(key.utf8)), condition: "key").bits.x }

  /// Finds out which samples there are, which endings their members have, and which keys come back.
  private mutating func look(through file: DataFiles.File, _ survey: inout Survey) {
    var seen: Set<UInt64> = []
    var last: UInt64?
    var roleEndings: [String: String] = [:]
    var samples: [Gathered] = []
    do {
      let archive = try Archive(file.place)
      defer { if archive.isCompressed { compressed.insert(file.name) } }
      while let member = try archive.next() {
        guard member.isFile, let name = Name(member.name) else {
          // Folders are no members that anybody misses.
          if !member.name.hasSuffix("/") { survey.strange += 1 }
          continue
        }
        endings[name.ending, default: 0] += 1
        let bits = Self.bits(name.key)
        if bits != last {
          if !seen.insert(bits).inserted { survey.returning.insert(bits) }
          last = bits
          roleEndings = [:]
        }
        if samples.last?.key != name.key { samples.append(Gathered(key: name.key)) }
        guard let role = roles.role(of: name.ending), role != "none" else { continue }
        add(member, role, archive, file, to: &samples[samples.count - 1])
        guard role != "json" else { continue }
        if let other = roleEndings[role], other != name.ending, survey.doubled == nil {
          survey.doubled = (other, name.ending)
        }
        roleEndings[role] = name.ending
      }
      gathered.append((file, samples))
    } catch {
      let reason = Diagnosis(describing: error)
      result.faults.append(
        .unsupported(
          "'\(file.name)' is damaged or breaks off: \(reason.found.first ?? reason.what)",
          remedy: "fetch it again, or move it out of the folder to do without its samples"))
    }
  }

  /// A sample whose members are being gathered.
  private struct Gathered {
    let key: String
    var object: [RawRole: Tree] = [:]
    var fault: String?
    var roles: Set<String> = []
  }

  private mutating func makeRows(of samples: [Gathered], _ file: DataFiles.File, _ survey: Survey) {
    var refused: Set<UInt64> = []
    for (number, one) in samples.enumerated() {
      var row = RawRows.Row(number: number + 1, file: file.name)
      row.fault = one.fault
      row.read(one.object, isCell: !settings.labelSeparator.isEmpty)
      row.id = row.id ?? one.key
      row.split = file.split ?? row.split
      let bits = Self.bits(one.key)
      if survey.returning.contains(bits) {
        row.fault =
          "the members of '\(one.key)' do not stand together: "
          + (refused.insert(bits).inserted ? "its key comes back later" : "its key was there before")
        row.id = refused.contains(bits) ? "\(one.key)#\(number + 1)" : row.id
      } else if row.fault == nil, !settings.takeIncomplete {
        let lacking = needed.subtracting(one.roles).sorted()
        if !lacking.isEmpty {
          row.fault = "'\(one.key)' is incomplete: it has no \(lacking.joined(separator: " and no ")) member"
        }
      }
      result.rows.append(row)
    }
  }

  private func add(
    _ member: Archive.Member, _ role: String, _ archive: Archive, _ file: DataFiles.File, to sample: inout Gathered
  ) {
    let known = RawRole(rawValue: role)
    if let known, known == .image || known == .audio {
      sample.object[known] = .string(ArchiveMembers.name(of: member, in: file))
      sample.roles.insert(role)
      return
    }
    let bytes: Data
    do { bytes = try archive.data(of: member, limit: LineReader.limit) } catch {
      sample.fault = sample.fault ?? Diagnosis(describing: error).what
      return
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      sample.fault = sample.fault ?? "'\(member.name)' is not UTF-8"
      return
    }
    if let known {
      sample.object[known] = .string(known == .text ? text : RawRows.trimmed(text))
      sample.roles.insert(role)
      return
    }
    guard let table = (try? Tree(json: text))?.tableValue else {
      sample.fault = sample.fault ?? "'\(member.name)' is not a JSON object"
      return
    }
    // Members of their own say more than what stands beside them.
    let keys: [(RawRole, [String])] = [
      (.text, ["text", "caption"]), (.label, ["label", "cls", "class"]), (.id, ["id"]),
    ]
    for (role, keys) in keys {
      guard sample.object[role] == nil, let value = keys.lazy.compactMap({ table[$0] }).first, value != .null else {
        continue
      }
      sample.object[role] = value
      sample.roles.insert(role.rawValue)
    }
  }
}
