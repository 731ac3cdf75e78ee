import Foundation
import Records
import Testing

struct ConfusionMatrixTests {
  let matrix = ConfusionMatrix(truth: [0, 0, 0, 1, 1, 3], predictions: [0, 0, 1, 1, 0, 1], classes: 4)

  @Test("rows are the truth and columns the prediction")
  func counts() {
    #expect(matrix.counts == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]])
  }

  @Test("precision, recall and F1 of each class, and none where there is nothing to divide by")
  func scores() throws {
    let scores = matrix.scores
    #expect(scores[0] == ClassScores(count: 3, predicted: 3, precision: 2 / 3.0, recall: 2 / 3.0, f1: 2 / 3.0))
    #expect(scores[1] == ClassScores(count: 2, predicted: 3, precision: 1 / 3.0, recall: 0.5, f1: 2 / 5.0))
    #expect(scores[2] == ClassScores(count: 0, predicted: 0, precision: nil, recall: nil, f1: nil))
    #expect(scores[3] == ClassScores(count: 1, predicted: 0, precision: nil, recall: 0, f1: 0))
  }

  @Test("the four counts of a class add up to all samples")
  func labels() {
    for label in matrix.labels {
      #expect(label.truePositives + label.falsePositives + label.falseNegatives + label.trueNegatives == 6)
    }
    #expect(matrix.labels[0].trueNegatives == 2)
  }

  @Test("a matrix is a text a row in JSON, and one that is not square is refused")
  func json() throws {
    let text = try Tree(encoding: matrix, keys: .asNamed).json()
    #expect(text == #"["2 1 0 0","1 1 0 0","0 0 0 0","0 1 0 0"]"#)
    #expect(try Tree(json: text).decode(ConfusionMatrix.self, keys: .asNamed) == matrix)
    for wrong in [#"["1 2","3"]"#, #"["1 2"]"#, #"["1 x","3 4"]"#] {
      #expect(throws: (any Error).self) { try Tree(json: wrong).decode(ConfusionMatrix.self, keys: .asNamed) }
    }
  }

  @Test("two runs' matrices add up")
  func sum() {
    #expect((matrix + matrix).counts[0] == [4, 2, 0, 0])
  }
}
