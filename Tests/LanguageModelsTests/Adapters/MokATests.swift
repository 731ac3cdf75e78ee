import Records
import TestSupport
import Testing
import Torch
import TorchNN

@testable import LanguageModels

@Suite("MokA")
struct MokATests {
  private static let text = [
    -0.067182, -0.496177, 0.542302, -0.465588, 0.949457, -0.729824, 0.902221, -1.206691, 0.766649,
  ]

  @Test(arguments: [
    (1.0, AdapterSettings.Scale.after, [0.329001, 1.359658, -1.763624, -0.585982, -0.789902, 1.261130]),
    (1.0, .before, [0.524457, 1.492430, -2.019412, -0.863133, -0.978169, 1.623830]),
    (0.05, .after, [0.190089, 1.128111, -1.519496, -0.284005, -0.721956, 0.928278]),
    (0.0, .after, [0.182778, 1.115925, -1.506647, -0.268112, -0.718380, 0.910759]),
  ])
  func `outputs are those of an independent program`(
    lambda: Double, scale: AdapterSettings.Scale, image: [Double]
  ) throws {
    var settings = VectorMap.settings(.moka, lambda: lambda)
    settings.scale = scale
    let vectors = try VectorMap(settings)
    #expect(allClose(try vectors.output().flattened().array(), image + Self.text, absolute: 1e-6))
  }

  @Test func `gradients are those of an independent program`() throws {
    let vectors = try VectorMap(VectorMap.settings(.moka))
    let slopes = try Gradients(of: vectors.output().square().sum() / 2, vectors.store)
    let expected: [(String, [Double])] = [
      (
        "lora_A.weight",
        [-0.631576, -1.665740, -1.439305, -0.123633, 0.476061, -4.334547, -5.864855, -2.956758]
      ),
      (
        "lora_A_image.weight",
        [1.392727, 0.366066, -0.937626, -1.531742, -4.466856, -1.597773, 2.480474, 4.681547]
      ),
      ("lora_B.weight", [0.681149, -0.701082, 3.914346, -8.004913, -4.728017, 9.321142]),
    ]
    for (name, numbers) in expected {
      let slope = try #require(try slopes[ParameterPath(name)])
      #expect(allClose(try slope.flattened().array(), numbers, absolute: 1e-6), "\(name)")
    }
  }

  @Test func `with one matrix and no attention it is LoRA in every bit, and without images too`() throws {
    let lora = try VectorMap(VectorMap.settings(.lora))
    let same = try VectorMap(VectorMap.settings(.moka, lambda: 0))
    try same.parameter("lora_A_image.weight").copy(from: waves(3, [2, 4]))
    #expect(try difference(same.output(), lora.output()) == 0)
    let roles: [TokenRole] = [.sampleText, .template, .instruction, .instruction, .answer]
    let blind = try VectorMap(VectorMap.settings(.moka), roles: roles)
    #expect(try difference(blind.output(), lora.output()) == 0)
  }

  @Test func `rows of text do not depend on those of images`() throws {
    let vectors = try VectorMap(VectorMap.settings(.moka))
    let before = try vectors.output()
    let other = try Tensor.cat([waves(9, [1, 2, 4]), vectors.input.narrowed(1, from: 2, length: 3)], 1)
    let after = try vectors.output(other)
    #expect(try difference(after.narrowed(0, from: 2, length: 3), before.narrowed(0, from: 2, length: 3)) == 0)
    #expect(try difference(after.narrowed(0, from: 0, length: 2), before.narrowed(0, from: 0, length: 2)) > 0.01)
  }

  @Test func `one question token is added as it is`() throws {
    let roles: [TokenRole] = [.image, .image, .instruction, .answer, .answer]
    let vectors = try VectorMap(VectorMap.settings(.moka, lambda: 0.5), roles: roles)
    let x = try vectors.input.selected(0, 0)
    let (ofImage, ofText) = (try waves(4, [2, 4]), try waves(3, [2, 4]))
    let question = try x.narrowed(0, from: 2, length: 1).matmul(ofText.transposed())
    let u = try x.narrowed(0, from: 0, length: 2).matmul(ofImage.transposed()) + question * 0.5
    let expected =
      try x.narrowed(0, from: 0, length: 2).matmul(waves(2, [3, 4]).transposed())
      + u.matmul(waves(5, [3, 2]).transposed()) * 2
    #expect(try difference(vectors.output().narrowed(0, from: 0, length: 2), expected) < 1e-12)
  }

  @Test func `the order of question tokens does not matter, and a sample without any looks at nothing`() throws {
    let vectors = try VectorMap(VectorMap.settings(.moka))
    let swapped = try vectors.input.indexed(1, by: Tensor([0, 1, 3, 2, 4]))
    let (a, b) = (try vectors.output(), try vectors.output(swapped))
    #expect(try difference(a.narrowed(0, from: 0, length: 2), b.narrowed(0, from: 0, length: 2)) < 1e-12)
    // Beside a sample with a question, one without.
    let without: [TokenRole] = [.image, .image, .template, .template, .answer]
    let pass = ForwardPass(groups: [VectorMap.roles, without].map { $0.map(\.rawValue) })
    let both = try vectors.map(Tensor.cat([vectors.input, vectors.input], 0), pass)
    let plain = try VectorMap(VectorMap.settings(.moka, lambda: 0)).output()
    #expect(try difference(both.selected(0, 0), a) < 1e-12)
    #expect(try difference(both.selected(0, 1), plain) < 1e-12)
  }

  @Test(arguments: AdapterSettings.Keys.allCases)
  func `changing an answer changes no row of an image in any layer`(keys: AdapterSettings.Keys) throws {
    let model = try VectorModel()
    var settings = AdapterSettings()
    (settings.kind, settings.keys) = (.moka, keys)
    try ModelAdapter(model, settings).shake()
    func rows(_ answer: Int) throws -> [Tensor] {
      var seen: [Tensor] = []
      let roles: [TokenRole] = [.image, .image, .sampleText, .instruction, .answer]
      let prompt = try model.sequence([3, 1, 4, 1, answer], roles: roles, pictures: [])
      _ = try model.prefill([prompt], observer: PassObserver(hidden: { seen.append($1) }))
      return seen
    }
    for (a, b) in zip(try rows(5), try rows(2)) {
      #expect(try difference(a.narrowed(1, from: 0, length: 2), b.narrowed(1, from: 0, length: 2)) == 0)
    }
  }

  @Test func `what is hidden by a mask is not looked at within a map either`() throws {
    let model = try VectorModel()
    var settings = AdapterSettings()
    (settings.kind, settings.keys) = (.moka, .text)
    try ModelAdapter(model, settings).shake()
    let hidden = AttentionView(hidden: [.sampleText])
    func last(_ ids: [Int]) throws -> Tensor { try model.prefill([model.prompt(ids)], view: hidden).last() }
    #expect(try difference(last([3, 1, 4, 1, 5]), last([3, 1, 2, 1, 5])) == 0)
  }

  @Test func `a prompt in the cache is gone on from as it was read at once`() throws {
    let model = try VectorModel()
    var settings = AdapterSettings()
    settings.kind = .moka
    try ModelAdapter(model, settings).shake()
    let cache = KeyValueCache()
    let roles: [TokenRole] = [.image, .image, .sampleText, .instruction, .template, .answer, .answer]
    let whole = try model.sequence([3, 1, 4, 1, 5, 2, 6], roles: roles, pictures: [])
    let expected = try model.prefill([whole]).hidden
    _ = try model.prefill([model.sequence([3, 1, 4, 1, 5], roles: Array(roles.prefix(5)), pictures: [])], cache: cache)
    let further = try model.step([[2, 6]], cache: cache).hidden
    #expect(try difference(further, expected.narrowed(1, from: 5, length: 2)) < 1e-12)
  }

  @Test func `it is not merged into weights`() throws {
    let model = try VectorModel()
    var settings = AdapterSettings()
    settings.kind = .moka
    let adapter = try ModelAdapter(model, settings)
    #expect(throws: Diagnosis.self) { try adapter.merged() }
  }

  @Test func `without attention each role has a matrix of its own`() throws {
    let vectors = try VectorMap(VectorMap.settings(.moka, lambda: 0))
    let adapter = try #require(vectors.map.adapter as? MokA)
    let x = try vectors.input.selected(0, 0)
    for (role, token) in [(TokenRole.image, 1), (.instruction, 3)] {
      let weight = try waves(2, [3, 4]) + adapter.change(role)
      #expect(
        try difference(x.matmul(weight.transposed()).selected(0, token), vectors.output().selected(0, token)) < 1e-12)
    }
  }
}
