import Foundation
import TestSupport
import Testing
import Torch

@Suite("TorchScript modules")
struct ScriptModuleTests {
  private func module(_ path: String) throws -> ScriptModule {
    try ScriptModule(reading: Conditions.golden("torchscript/\(path)").path)
  }

  @Test("say what they take and how much of it they need")
  func arguments() throws {
    Conditions.prepare()
    let words = try module("texts/words.pt")
    #expect(words.arguments == ["input_ids", "attention_mask", "token_type_ids", "return_nothing"])
    #expect(words.required == 3)
  }

  @Test("give a tensor, or the tensors of a list, tuple or dict, by name where they have one")
  func answers() throws {
    Conditions.prepare()
    let pixels = try Tensor.zeros([2, 3, 10, 12])
    let plain = try module("pictures/plain.pt")([pixels])
    #expect(plain.map(\.name) == [""] && plain[0].tensor.shape == [2, 5])
    let places = try module("pictures/places.pt")([pixels])
    #expect(places.map(\.name) == ["last_hidden_state", "pooler_output"] && places[0].tensor.shape == [2, 4, 4, 5])
    #expect(try module("pictures/single.pt")([pixels]).map(\.tensor.shape) == [[2, 4, 1, 1]])
    let tokens = try Tensor.zeros([1, 4], .int64)
    let words = try module("texts/words.pt")([tokens, Tensor.ones([1, 4], .int64), tokens])
    // The second of three is none.
    #expect(words.map(\.name) == ["", ""] && words.map(\.tensor.shape) == [[1, 4, 6], [1, 4]])
  }

  @Test("a call that fails and a file that is no module are errors with a sentence")
  func failures() throws {
    Conditions.prepare()
    let failing = try module("pictures/failing.pt")
    #expect(throws: TorchError.self) { try failing([Tensor.zeros([1, 3, 8, 8])]) }
    #expect(try failing([Tensor.zeros([1, 3, 2, 2])]).count == 1)
    #expect(throws: TorchError.self) { try failing([]) }
    for path in ["pictures/pickle.pt", "pictures/preprocessor_config.json", "nowhere.pt", "pictures"] {
      do {
        _ = try module(path)
        Issue.record("\(path) was read")
      } catch let error as TorchError { #expect(error.operation == "torch.jit.load" && !error.message.isEmpty) }
    }
  }
}
