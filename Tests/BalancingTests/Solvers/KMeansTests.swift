import Multimodal
import TestSupport
import SeesawConformance
import Testing
import Torch

@testable import Balancing

@Suite("k-means")
struct KMeansTests {
  /// Points around corners that are far apart, the corner of each, and the points' numbers in rows.
  private func corners(_ perCorner: Int) throws -> (points: Tensor, corner: [Int], rows: [[Double]]) {
    Conditions.prepare()
    let centres = [[0.0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]]
    let noise = numbers(4 * perCorner * 3, seed: 5, in: -1...1)
    let corner = (0..<(4 * perCorner)).map { $0 % 4 }
    let rows = corner.indices.map { i in (0..<3).map { centres[corner[i]][$0] + noise[i * 3 + $0] } }
    return (try Tensor(rows.flatMap { $0 }, shape: [rows.count, 3]), corner, rows)
  }

  private func clusters(_ points: Tensor, _ k: Int, seed: UInt64 = 1, attempts: Int = 4) throws -> [Int] {
    var numbers = SeededNumbers(seed: seed, stream: "clusters")
    return try KMeans.clusters(points, k, &numbers, attempts: attempts)
  }

  private func distance(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  private func means(_ rows: [[Double]], _ clusters: [Int]) -> [Int: [Double]] {
    Dictionary(grouping: rows.indices, by: { clusters[$0] }).mapValues { members in
      rows[0].indices.map { d in members.reduce(0) { $0 + rows[$1][d] } / Double(members.count) }
    }
  }

  private func spread(_ rows: [[Double]], _ clusters: [Int]) -> Double {
    let means = means(rows, clusters)
    return rows.indices.reduce(0) { $0 + distance(rows[$1], means[clusters[$1]] ?? []) }
  }

  @Test("finds clusters that lie far apart, whatever the random numbers", arguments: 1...5 as ClosedRange<UInt64>)
  func separated(_ seed: UInt64) throws {
    let (points, corner, _) = try corners(12)
    let found = try clusters(points, 4, seed: seed)
    let pairs = Set(zip(corner, found).map { "\($0) \($1)" })
    #expect(pairs.count == 4)
    #expect(Set(found) == [0, 1, 2, 3])
  }

  @Test("every point ends with the nearest of the clusters' means", arguments: [2, 3, 5, 8])
  func settled(_ k: Int) throws {
    Conditions.prepare()
    let rows = (0..<60).map { numbers(4, seed: UInt64($0 + 1)) }
    let found = try clusters(Tensor(rows.flatMap { $0 }, shape: [60, 4]), k)
    let means = means(rows, found)
    for (row, cluster) in zip(rows, found) {
      let own = distance(row, means[cluster] ?? [])
      for (_, mean) in means { #expect(own <= distance(row, mean) + 1e-9) }
    }
  }

  @Test("several attempts end no worse than the first of them")
  func attempts() throws {
    Conditions.prepare()
    let rows = (0..<80).map { numbers(2, seed: UInt64($0 + 1)) }
    let points = try Tensor(rows.flatMap { $0 }, shape: [80, 2])
    var improved = 0
    for seed in 1...6 as ClosedRange<UInt64> {
      let one = try spread(rows, clusters(points, 7, seed: seed, attempts: 1))
      let best = try spread(rows, clusters(points, 7, seed: seed, attempts: 6))
      #expect(best <= one + 1e-9)
      if best < one - 1e-9 { improved += 1 }
    }
    #expect(improved > 0)
  }

  @Test("one random stream gives one answer")
  func repeatable() throws {
    let points = try Tensor(numbers(200), shape: [50, 4])
    #expect(try clusters(points, 6) == clusters(points, 6))
    #expect(try clusters(points, 6) == clusters(points.cloned(), 6))
  }

  @Test("one cluster, as many as points, and more than there are different points")
  func extremes() throws {
    let points = try Tensor([0.0, 1, 5, 9], shape: [4, 1])
    #expect(try clusters(points, 1) == [0, 0, 0, 0])
    #expect(try Set(clusters(points, 4)).count == 4)
    let same = try Tensor([3.0, 3, 7, 7, 7], shape: [5, 1])
    let found = try clusters(same, 4)
    #expect(Set(found).count == 2)
    #expect(found[0] == found[1] && found[2] == found[3] && found[3] == found[4])
    #expect(try clusters(.zeros([6, 2]), 3) == [0, 0, 0, 0, 0, 0])
    #expect(try clusters(.zeros([0, 2]), 3).isEmpty)
  }

  @Test("numbers of any size do")
  func sizes() throws {
    for scale in [1e-10, 1e10] {
      let points = try Tensor([0.0, 0.1, 5, 5.1].map { $0 * scale }, shape: [4, 1])
      let found = try clusters(points, 2)
      #expect(found[0] == found[1] && found[2] == found[3] && found[0] != found[2])
    }
  }
}
