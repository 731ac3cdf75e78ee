import Foundation
import Records
import Testing

struct TreeTests {
  let tree: Tree = ["a": ["b": 1, "c": ["d": "x"]], "e": 0.5, "list": [1, 2], "none": [:]]

  @Test("dotted paths reach what is below")
  func reading() {
    #expect(tree[path: "a.c.d"] == "x")
    #expect(tree[path: "a"] == ["b": 1, "c": ["d": "x"]])
    #expect(tree[path: ""] == tree)
    #expect(tree[path: "a.x"] == nil)
    #expect(tree[path: "e.f"] == nil)
  }

  @Test("setting a path makes tables on the way, and nil removes")
  func writing() {
    var copy = tree
    copy[path: "x.y.z"] = 3
    #expect(copy[path: "x.y.z"] == 3)
    copy[path: "x"] = nil
    #expect(copy == tree)
    copy[path: "nowhere.at.all"] = nil
    #expect(copy == tree)
    copy[path: "a.b"] = true
    #expect(copy[path: "a.b"] == true)
    #expect(copy[path: "a.c.d"] == "x")
  }

  @Test("leaf paths are sorted, and an empty table is a leaf")
  func leaves() { #expect(tree.leafPaths == ["a.b", "a.c.d", "e", "list", "none"]) }

  @Test("whole numbers are numbers, and numbers without a fraction whole")
  func numbers() {
    #expect(Tree.int(2).numberValue == 2)
    #expect(Tree.number(2).intValue == 2)
    #expect(Tree.number(2.5).intValue == nil)
    #expect(Tree.string("2").intValue == nil)
    #expect(Tree.number(1) != Tree.int(1))
  }

  @Test("laying a tree over another joins tables and replaces the rest")
  func overlaying() {
    let over: Tree = ["a": ["b": 9], "list": [3], "new": true]
    #expect(
      tree.overlaid(with: over)
        == ["a": ["b": 9, "c": ["d": "x"]], "e": 0.5, "list": [3], "none": [:], "new": true])
  }

  @Test("a tree survives Foundation's coder")
  func foundationCoder() throws {
    let tree: Tree = ["a": [1, 0.5, true, "x", .null], "snake_key": ["camelKey": 1]]
    let data = try JSONEncoder().encode(tree)
    #expect(try JSONDecoder().decode(Tree.self, from: data) == tree)
  }
}
