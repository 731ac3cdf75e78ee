import Foundation
import Records
import Testing

struct TreeCodingTests {
  struct Inner: Codable, Equatable {
    var stopGrad = true
    var useKLLoss = false
    var beta1 = 0.0
  }

  struct Sample: Codable, Equatable {
    var learningRate = 1.0
    var steps = 3
    var small: Float = 0.1
    var byte: UInt8 = 7
    var words: [String] = ["one"]
    var inner = Inner()
    var many = [Inner(), Inner(stopGrad: false)]
    var freeMap: [String: Inner] = ["camelKey": Inner(), "snake_key": Inner(), "with-dash": Inner()]
    var absent: Int?
    var file = URL(filePath: "/a/b")
    var tree: Tree = ["keptAsIs": [1, 2.0]]
    var selection = Selection.last
    var nested: [[Double]] = [[1, 2.5], []]
  }

  @Test("properties become snake case, and keys of dictionaries stay as they are")
  func spelling() throws {
    let tree = try Tree(encoding: Sample())
    #expect(tree[path: "learning_rate"] == 1.0)
    #expect(tree[path: "steps"] == 3)
    #expect(tree[path: "small"] == 0.1)
    #expect(tree[path: "inner"] == ["stop_grad": true, "use_kl_loss": false, "beta1": 0.0])
    #expect(tree[path: "free_map"]?.tableValue?.keys.sorted() == ["camelKey", "snake_key", "with-dash"])
    #expect(tree[path: "free_map.camelKey.stop_grad"] == true)
    #expect(tree[path: "tree.keptAsIs"] == [1, 2.0])
    #expect(tree[path: "selection"] == "last")
    #expect(tree[path: "absent"] == nil)
  }

  @Test("value to tree to value is the identity", arguments: [KeySpelling.snakeCase, .asNamed])
  func roundTrip(keys: KeySpelling) throws {
    var sample = Sample()
    sample.absent = 4
    sample.inner.useKLLoss = true
    #expect(try Tree(encoding: sample, keys: keys).decode(Sample.self, keys: keys) == sample)
    #expect(try Tree(encoding: Sample(), keys: keys).decode(Sample.self, keys: keys) == Sample())
  }

  @Test("the number 0 stays a number, and the integer 0 an integer")
  func numbersKeepTheirKind() throws {
    let tree = try Tree(encoding: RunConfiguration())
    #expect(tree[path: "optimizer.weight_decay"] == .number(0))
    #expect(tree[path: "training.threads"] == .int(0))
  }

  @Test("an unsigned number too large for a tree is refused")
  func tooLarge() { #expect(throws: EncodingError.self) { try Tree(encoding: ["x": UInt64.max]) } }

  @Test("a number too large for its property is refused")
  func overflow() {
    #expect(throws: DecodingError.self) { try Tree.list([300]).decode([UInt8].self) }
    #expect(throws: DecodingError.self) { try Tree.list([1.5]).decode([Int].self) }
  }

  @Test("a whole number will do for a number")
  func wholeForNumber() throws { #expect(try Tree.list([2]).decode([Double].self) == [2.0]) }

  @Test("a class with a parent, and an enum with values, survive")
  func shapes() throws {
    enum Shape: Codable, Equatable {
      case circle(radius: Double)
      case longName(sideLength: Int)
    }
    for shape in [Shape.circle(radius: 1), .longName(sideLength: 2)] {
      #expect(try Tree(encoding: shape).decode(Shape.self) == shape)
    }
  }

  @Test("choices are read ignoring case, dashes and underscores", arguments: ["AdamW", "adam_w", "ADAM-W", "adamw"])
  func tolerantChoice(word: String) throws {
    #expect(try Tree.list([.string(word)]).decode([OptimizerName].self) == [.adamw])
    #expect(try OptimizerName(named: word) == .adamw)
  }
}
