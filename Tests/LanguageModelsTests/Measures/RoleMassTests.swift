import Testing
import Torch

@testable import LanguageModels

@Suite struct RoleMassTests {
  @Test("attention and gradient by role are those computed elsewhere")
  func vectors() throws {
    let model = try VectorModel()
    let mass = try model.roleMass(model.prompt(), answer: [2])
    #expect(near(try #require(mass.attention[.image]), [0.224486, 0.290559]))
    #expect(near(try #require(mass.attention[.sampleText]), [0.314159, 0.195259]))
    let rest = zip(mass.attention[.instruction] ?? [], mass.attention[.template] ?? []).map { $0 + $1 }
    #expect(near(rest, [0.461356, 0.514182]))
    #expect(near([mass.product[.image] ?? 0], [-0.094231]))
    #expect(near([mass.product[.sampleText] ?? 0, mass.product[.instruction] ?? 0], [0.004603, 0.165465]))
    #expect(near([mass.gradient[.image] ?? 0], [1.220364]))
    #expect(near([mass.gradient[.sampleText] ?? 0, mass.gradient[.template] ?? 0], [1.660979, 0.977570]))
    #expect(near(mass.lift(.image), [0.561215, 0.7263975], 2e-6))
    #expect(near([mass.tokens.values.reduce(0, +)], [1], 1e-12))
    #expect(mass.lift(.answer).isEmpty)
  }

  @Test("Shapley values of hidden groups are those computed elsewhere, and add up")
  func shapley() throws {
    let model = try VectorModel()
    let found = try model.maskedShapley(model.prompt(), answer: [2])
    #expect(near([found.both, found.image, found.text, found.none], [-2.558481, -2.834517, -2.509874, -2.115436]))
    #expect(near([found.values.image, found.values.text, found.interaction], [-0.383844, -0.059201, 0.670473]))
    #expect(near([found.values.image + found.values.text], [found.both - found.none], 1e-12))
    #expect(found.imageShare == nil)
    #expect(MaskedShapley(both: 3, image: 1, text: 1, none: 0).imageShare == 0.5)
  }

  @Test("a group that is hidden is as if it were not there, at the same places")
  func hidden() throws {
    let model = try VectorModel()
    let prompt = try model.prompt()
    let roles: [TokenRole] = [.image, .sampleText]
    for role in roles {
      let kept = prompt.indices(of: Set(TokenRole.allCases).subtracting([role]))
      let without = TokenSequence(
        ids: kept.map { prompt.ids[$0] }, roles: kept.map { prompt.roles[$0] }, pictures: [],
        positions: TokenPositions(rows: [kept], next: prompt.count))
      let labels = [[2], [4, 1]]
      func likelihood(_ sequence: TokenSequence, _ hidden: Set<TokenRole>) throws -> [Double] {
        try OrdinaryDecoding(model, view: AttentionView(hidden: hidden)).likelihood(
          of: LabelledPrompt(prompt: sequence, suffixes: labels, bytes: [1, 2])
        ).tokens.flatMap(\.self)
      }
      #expect(near(try likelihood(prompt, [role]), try likelihood(without, []), 1e-12))
    }
  }

  @Test("cutting a group's edges to all others in all layers is hiding it")
  func knockout() throws {
    let model = try VectorModel()
    let prompt = try model.prompt()
    let whole = try model.knockout(prompt, answer: [2], keys: [.image], queries: .others, width: 2)
    #expect(near(whole, [try model.maskedShapley(prompt, answer: [2]).text], 1e-12))
    let windows = try model.knockout(prompt, answer: [2], keys: [.image], queries: .last)
    #expect(windows.count == 2 && windows[0] != windows[1])
  }
}
