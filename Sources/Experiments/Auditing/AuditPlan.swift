import Multimodal
import Records

/// Which conditions an audit tries.
struct AuditConditions: Sendable {
  /// Permutations of each modality among all rows; half as many again keep the class.
  var swaps = 10
  /// Rows whose modalities are all paired with each other, of more than two with as many draws of the others; 0 leaves it out.
  var grid = 100
  /// Where partners and rows of the grid are drawn from.
  var seed: UInt64 = 0
  /// Whether the model can be told that a modality is not there.
  var declaresAbsence = true
}

/// All requests of an audit and the places in the table that their answers take.
///
/// What would be asked twice is asked once. The same rows and conditions make the same plan.
struct AuditPlan: Sendable {
  /// A condition and its requests, one a row.
  struct Column: Sendable {
    /// As the table has it: `full`, `missing:image`.
    let key: String
    let requests: [Int32]
  }

  /// One modality of each row taken from another.
  struct Swap: Sendable {
    let modality: Int
    let number: Int
    /// The row among ``AuditPlan/rows`` that gives the modality.
    let index: [Int]
    let requests: [Int32]
  }

  /// Modality one of each of some rows with modality two of each.
  struct Grid: Sendable {
    let index: [Int]
    /// Row-major.
    let requests: [Int32]
  }

  /// Each modality of each of some rows with the others of some draws, of more than two modalities.
  struct Grids: Sendable {
    let index: [Int]
    /// n draws of a row for each modality.
    let partners: [[Int]]
    /// By modality, row-major.
    let requests: [[Int32]]
  }

  /// The source's rows that take part, in their order.
  let rows: [Int]
  private(set) var columns: [Column] = []
  private(set) var swaps: [Swap] = []
  private(set) var grid: Grid?
  private(set) var grids: Grids?
  /// What each request shows of each modality, one request after the other.
  private var cells: [AuditCell] = []
  /// The first place of the table that a request was made for.
  private var purposes: [(row: Int32, column: Int32)] = []
  private var keys: [String] = []
  private let modalities: [String]

  var count: Int { purposes.count }

  init(_ source: some AuditSource, rows: [Int], _ conditions: AuditConditions) {
    self.rows = rows
    modalities = source.modalities
    var known: [[AuditCell]: Int32] = [:]
    addColumns(source, conditions, &known)
    for modality in modalities.indices where rows.count > 1 {
      addSwaps(of: modality, source.samples, conditions, &known)
    }
    guard conditions.grid > 1, rows.count > 1 else { return }
    if modalities.count == 2 { addGrid(source.samples, conditions, &known) }
    if modalities.count > 2 { addGrids(source.samples, conditions, &known) }
  }

  /// Requests that stand in no column, such as those of words and patches.
  ///
  /// - Parameters:
  ///   - rows: of the source, those that the requests are made for.
  ///   - condition: what they are called.
  init(_ source: some AuditSource, rows: [Int], as condition: String) {
    self.rows = rows
    modalities = source.modalities
    keys = [condition]
  }

  /// Adds requests of a row, in a plan that was made for such.
  ///
  /// - Returns: their numbers; what was asked for before has the number that it has.
  mutating func add(_ shown: [[AuditCell]], for row: Int, _ known: inout [[AuditCell]: Int32]) -> [Int32] {
    shown.map { request($0, for: row, &known) }
  }

  /// What a request shows of each modality.
  func shown(_ request: Int) -> [AuditCell] {
    Array(cells[(request * modalities.count)..<((request + 1) * modalities.count)])
  }

  /// The source's row that a request was made for.
  func owner(_ request: Int) -> Int { Int(purposes[request].row) }

  /// The condition that a request was made for: `missing:image`.
  func condition(_ request: Int) -> String { keys[Int(purposes[request].column)] }

  // MARK: Making

  private mutating func request(
    _ shown: [AuditCell], for row: Int, _ known: inout [[AuditCell]: Int32]
  ) -> Int32 {
    if let number = known[shown] { return number }
    let number = Int32(purposes.count)
    known[shown] = number
    cells += shown
    purposes.append((Int32(row), Int32(keys.count - 1)))
    return number
  }

  /// A cell; what shows nothing of its row is the same for all.
  private static func cell(_ row: Int, _ view: AuditView) -> AuditCell {
    AuditCell(row: view == .absent || view == .missing ? -1 : Int32(row), view: view)
  }

  private mutating func addColumns(
    _ source: some AuditSource, _ conditions: AuditConditions, _ known: inout [[AuditCell]: Int32]
  ) {
    func add(_ key: String, _ view: (Int) -> AuditView) {
      keys.append(key)
      let requests = rows.map { row in
        request(modalities.indices.map { Self.cell(row, view($0)) }, for: row, &known)
      }
      columns.append(Column(key: key, requests: requests))
    }
    add(AuditKeys.full) { _ in .own }
    for (place, name) in modalities.enumerated() { add(AuditKeys.missing(name)) { $0 == place ? .missing : .own } }
    if modalities.count > 1, conditions.declaresAbsence {
      for (place, name) in modalities.enumerated() { add(AuditKeys.absent(name)) { $0 == place ? .absent : .own } }
      for (place, name) in modalities.enumerated() { add(AuditKeys.only(name)) { $0 == place ? .own : .absent } }
      for members in sets {
        add(AuditKeys.only(members.map { modalities[$0] }.joined(separator: "+"))) {
          members.contains($0) ? .own : .absent
        }
      }
      add(AuditKeys.none) { _ in .absent }
    }
    for (place, name) in modalities.enumerated() {
      for (number, impairment) in source.impairments[place].enumerated() {
        add("\(impairment):\(name)") { $0 == place ? .impaired(number) : .own }
      }
    }
  }

  /// The sets of more than one modality and fewer than all.
  private var sets: [[Int]] {
    guard modalities.count < 7 else { return [] }
    return (1..<(1 << modalities.count)).map { bits in modalities.indices.filter { bits >> $0 & 1 == 1 } }
      .filter { $0.count > 1 && $0.count < modalities.count }
  }

  private mutating func addSwaps(
    of modality: Int, _ samples: AuditSamples, _ conditions: AuditConditions, _ known: inout [[AuditCell]: Int32]
  ) {
    guard conditions.swaps > 0 else { return }
    let within = samples.labels == nil ? 0 : (conditions.swaps + 1) / 2
    for number in 0..<(conditions.swaps + within) {
      let keepsClass = number >= conditions.swaps
      let partners = AuditPartners.drawn(
        samples, seed: conditions.seed, stream: "audit/\(modalities[modality])/\(number)", keepingClass: keepsClass)
      let index = AuditPartners.restricted(partners, to: rows)
      keys.append(AuditKeys.swap(modalities[modality], number))
      let requests = zip(rows, index).map { row, partner in
        request(
          modalities.indices.map { Self.cell($0 == modality ? rows[partner] : row, .own) }, for: row, &known)
      }
      swaps.append(Swap(modality: modality, number: number, index: index, requests: requests))
    }
  }

  /// The places among the rows of those that are paired with each other.
  private func gridIndex(_ samples: AuditSamples, _ conditions: AuditConditions) -> [Int] {
    var numbers = SeededNumbers(seed: conditions.seed, stream: "audit/grid")
    let drawn = Set(numbers.permutation(samples.count).filter(Set(rows).contains).prefix(conditions.grid))
    return rows.indices.filter { drawn.contains(rows[$0]) }
  }

  private mutating func addGrid(
    _ samples: AuditSamples, _ conditions: AuditConditions, _ known: inout [[AuditCell]: Int32]
  ) {
    let index = gridIndex(samples, conditions)
    keys.append(AuditKeys.grid)
    var requests: [Int32] = []
    for one in index {
      for two in index {
        requests.append(request([Self.cell(rows[one], .own), Self.cell(rows[two], .own)], for: rows[one], &known))
      }
    }
    grid = Grid(index: index, requests: requests)
  }

  /// A grid for each modality: its rows with draws of the others, each modality's drawn by itself.
  private mutating func addGrids(
    _ samples: AuditSamples, _ conditions: AuditConditions, _ known: inout [[AuditCell]: Int32]
  ) {
    let index = gridIndex(samples, conditions)
    let partners = AuditPartners.draws(index, modalities: modalities, seed: conditions.seed)
    var requests: [[Int32]] = []
    for (place, name) in modalities.enumerated() {
      keys.append(AuditKeys.grid(name))
      var own: [Int32] = []
      for one in index {
        for draw in partners {
          own.append(
            request(
              modalities.indices.map { Self.cell(rows[$0 == place ? one : draw[$0]], .own) }, for: rows[one], &known))
        }
      }
      requests.append(own)
    }
    grids = Grids(index: index, partners: partners, requests: requests)
  }
}

/// Who gives a modality to whom.
enum AuditPartners {
  /// A permutation of all samples, in which few give to themselves or to one of their own group.
  static func drawn(_ samples: AuditSamples, seed: UInt64, stream: String, keepingClass: Bool) -> [Int] {
    var numbers = SeededNumbers(seed: seed, stream: stream)
    var partners = Array(0..<samples.count)
    var sets: [[Int]: [Int]] = [:]
    for row in 0..<samples.count { sets[keepingClass ? samples.labels?[row] ?? [] : [], default: []].append(row) }
    func areRelated(_ one: Int, _ other: Int) -> Bool {
      one == other || samples.groups.map { !$0[one].isEmpty && $0[one] == $0[other] } ?? false
    }
    for set in sets.values.sorted(by: { $0[0] < $1[0] }) {
      let order = numbers.permutation(set.count)
      for (place, other) in order.enumerated() { partners[set[place]] = set[other] }
      for row in set where areRelated(row, partners[row]) {
        for _ in 0..<16 {
          let other = set[numbers.uniform(below: set.count)]
          guard !areRelated(row, partners[other]), !areRelated(other, partners[row]) else { continue }
          partners.swapAt(row, other)
          break
        }
      }
    }
    return partners
  }

  /// As many draws as there are rows: of each modality every row once, in an order of its own.
  static func draws(_ index: [Int], modalities: [String], seed: UInt64) -> [[Int]] {
    let orders = modalities.map { name in
      var numbers = SeededNumbers(seed: seed, stream: "audit/grid/\(name)")
      return numbers.permutation(index.count)
    }
    return index.indices.map { draw in orders.map { index[$0[draw]] } }
  }

  /// The same among some of the samples: whoever's partner is not there has the partner's partner.
  ///
  /// - Returns: for each of the rows the place of its partner among them.
  static func restricted(_ partners: [Int], to rows: [Int]) -> [Int] {
    var places = [Int](repeating: -1, count: partners.count)
    for (place, row) in rows.enumerated() { places[row] = place }
    return rows.map { row in
      var partner = partners[row]
      while places[partner] < 0 { partner = partners[partner] }
      return places[partner]
    }
  }
}

/// What arrays and columns of the table are called.
enum AuditKeys {
  static let full = "full"
  static let grid = "grid"
  /// Of more than two modalities.
  static func grid(_ modality: String) -> String { "grid:\(modality)" }
  /// Words and patches left out.
  static let parts = "parts"
  /// The model with nothing there.
  static let none = "none"
  static func missing(_ modality: String) -> String { "missing:\(modality)" }
  static func absent(_ modality: String) -> String { "absent:\(modality)" }
  static func alone(_ modality: String) -> String { "alone:\(modality)" }
  static func only(_ modality: String) -> String { "only:\(modality)" }
  static func swap(_ modality: String, _ number: Int) -> String { "swap:\(modality):\(number)" }
}
