import Testing
import Torch

@testable import LanguageModels

@Suite struct ForkMergeDecodingTests {
  private func logits(_ method: ForkMergeDecoding, _ prompt: TokenSequence) throws -> [Double] {
    try withoutGradients { try method.read(PromptInput(prompt)).logits.flattened().array() }
  }

  private func method(_ change: (inout ForkMergeDecoding) -> Void = { _ in }) throws -> ForkMergeDecoding {
    var method = try ForkMergeDecoding(VectorModel())
    change(&method)
    return method
  }

  @Test("forked and merged logits are those computed elsewhere")
  func vectors() throws {
    let model = try VectorModel()
    let prompt = try model.prompt()
    #expect(try method().fork == 1)
    let cases: [(ForkMergeDecoding, [Double])] = [
      (
        try method { $0.weight = .number(0.5) },
        [-1.609496, -1.498931, -0.293226, 1.126714, 1.723461, 1.061022, -0.376614]
      ),
      (
        try method { $0.weight = .number(0.7) },
        [-1.671422, -1.484064, -0.212428, 1.214411, 1.753984, 1.012071, -0.469275]
      ),
      (
        try method {
          $0.weight = .number(0.5)
          $0.merge = .mix
        }, [-1.579764, -1.531215, -0.363938, 1.069237, 1.721212, 1.115645, -0.305028]
      ),
      (try method(), [-1.617068, -1.497999, -0.284470, 1.136897, 1.727630, 1.056133, -0.386991]),
    ]
    for (method, expected) in cases { #expect(near(try logits(method, prompt), expected)) }
    let reading = try withoutGradients { try method().read(PromptInput(prompt)) }
    #expect(near([reading.weight], [0.524036]))
    let inverse = try withoutGradients { try method { $0.weight = .inverse }.read(PromptInput(prompt)) }
    #expect(near([inverse.weight], [0.475964]))
  }

  @Test("a fork of no layers, an empty second group and strength 0 are ordinary decoding")
  func limits() throws {
    let model = try VectorModel()
    let prompt = try model.prompt()
    let ordinary: [Double] = try withoutGradients {
      try OrdinaryDecoding(model).read(PromptInput(prompt)).logits.flattened().array()
    }
    for alpha in [0, 0.3, 1] {
      let none = try method {
        $0.fork = 0
        $0.weight = .number(alpha)
      }
      #expect(near(try logits(none, prompt), ordinary, 1e-12))
    }
    #expect(try logits(method { $0.strength = 0 }, prompt) == ordinary)
    let empty = try model.sequence(prompt.ids, roles: [.image, .image, .template, .template, .template], pictures: [])
    #expect(near(try logits(method(), empty), ordinary, 1e-12))
    #expect(try !near(logits(method(), prompt), ordinary, 1e-3))
    let half = try logits(method { $0.strength = 0.5 }, prompt)
    let whole = try logits(method(), prompt)
    #expect(!near(half, ordinary, 1e-4) && !near(half, whole, 1e-4))
  }

  @Test("swapping the groups and taking 1 − α changes nothing")
  func swapped() throws {
    let prompt = try VectorModel().prompt()
    for mask in ForkMergeDecoding.Mask.allCases {
      let one = try method {
        $0.weight = .number(0.3)
        $0.mask = mask
      }
      let other = try method {
        $0.weight = .number(0.7)
        $0.mask = mask
        ($0.first, $0.second) = ($0.second, $0.first)
      }
      #expect(near(try logits(one, prompt), try logits(other, prompt), 1e-12))
    }
  }

  @Test("tokens that are read one after the other have the logits of those that are read together")
  func continued() throws {
    try withoutGradients {
      let prompt = try VectorModel().prompt()
      for strength in [1, 0.5] {
        let method = try method { $0.strength = strength }
        let first = try method.read(PromptInput(prompt))
        let together: [Double] = try method.proceed(first, [[2, 6]]).logits.flattened().array()
        let step = try method.proceed(first, [[2]])
        let one: [Double] = try step.logits.flattened().array()
        let two: [Double] = try method.proceed(step, [[6]]).logits.flattened().array()
        #expect(near(one + two, together, 1e-12))
      }
    }
  }
}
