public import Encoders
import Foundation
import Records

/// Makes tokens with roles of prompts.
///
/// Texts that stand beside each other are cut as one, as the whole prompt would be; a token of several roles' letters is the
/// sample's where one of them is, else the first's.
public struct PromptBuilder {
  public let model: any LanguageModel
  public let tokenizer: Tokenizer

  public init(_ model: any LanguageModel, _ tokenizer: Tokenizer) {
    self.model = model
    self.tokenizer = tokenizer
  }

  /// A prompt's tokens and what each is there for.
  public func tokens(
    _ prompt: Prompt, pictures: [PreparedPicture] = []
  ) throws -> (ids: [Int], roles: [TokenRole]) {
    var ids: [Int] = []
    var roles: [TokenRole] = []
    var run: [(text: String, role: TokenRole)] = []
    var begins = true
    func flush() {
      for token in tokenizer.tokens(ofParts: run.map(\.text), beginsText: begins) {
        let own = token.parts.map { run[$0] }.filter { !$0.text.isEmpty }.map(\.role)
        ids.append(token.token)
        roles.append(own.contains(.sampleText) ? .sampleText : own.first ?? .template)
      }
      if run.contains(where: { !$0.text.isEmpty }) { begins = false }
      run = []
    }
    func add(_ token: Int, _ role: TokenRole) {
      flush()
      begins = false
      ids.append(token)
      roles.append(role)
    }
    for piece in prompt.pieces {
      switch piece {
      case .beginning:
        flush()
        ids += tokenizer.ends.before
        roles += tokenizer.ends.before.map { _ in .template }
      case .token(let text): add(try special(text), .template)
      case .start:
        guard let token = model.answerStart else {
          throw Diagnosis(
            "the model has no token that an answer begins with", place: model.folder.relativePath, exitStatus: .defect)
        }
        add(token, .template)
      case .text(let text, let role): run.append((text, role))
      case .picture(let number):
        guard pictures.indices.contains(number) else {
          throw LanguageModelError.placeholders(found: number + 1, expected: pictures.count)
        }
        for part in model.text(for: pictures[number]) {
          switch part {
          case .token(let text): add(try special(text), .template)
          case .text(let text): run.append((text, .template))
          case .image(let count):
            guard let token = model.imageToken else {
              throw LanguageModelError.seesNoPictures(family: model.family, in: model.folder.relativePath)
            }
            for _ in 0..<count { add(token, .image) }
          }
        }
      }
    }
    flush()
    return (ids, roles)
  }

  /// A prompt as the model reads it: its pictures in the order in which they are shown.
  public func sequence(_ prompt: Prompt, pictures: [PreparedPicture] = []) throws -> TokenSequence {
    let (ids, roles) = try tokens(prompt, pictures: pictures)
    return try model.sequence(ids, roles: roles, pictures: Self.shown(prompt, pictures))
  }

  static func shown(_ prompt: Prompt, _ pictures: [PreparedPicture]) -> [PreparedPicture] {
    prompt.pieces.compactMap { if case .picture(let number) = $0 { pictures[number] } else { nil } }
  }

  private func special(_ text: String) throws -> Int {
    guard let token = tokenizer.token(named: text) else {
      throw Diagnosis(
        "the tokenizer has no token '\(text.escapedForTerminal.clipped(60))'", place: model.folder.relativePath,
        exitStatus: .input)
    }
    return token
  }
}
