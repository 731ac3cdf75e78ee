import Foundation
import Records
import TestSupport
import Testing

@testable import Encoders

/// Folders whose files say different things about their tokenizer.
@Suite struct TokenizerFilesTests {
  struct Golden: Decodable {
    struct Case: Decodable, Sendable, CustomStringConvertible {
      let base: String
      let files: [String: String]
      let tokens: [[Int]]

      var description: String {
        let more = files.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.prefix(160))" }
        return "\(base) · \(more.joined(separator: " · "))"
      }
    }
    let texts: [String]
    let bases: [String: [String: String]]
    let cases: [Case]
  }

  static let golden: Golden = {
    let url = TokenizerTests.golden.appending(path: "files.json")
    do { return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url)) } catch { fatalError("\(error)") }
  }()

  private func tokenizer(_ files: [String: String]) throws -> Tokenizer {
    try withTemporaryFolder { folder in
      for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
      return try Tokenizer(folder: folder)
    }
  }

  @Test(
    "casing, accents, spaces, added tokens and truncation are as the reference library has them",
    arguments: golden.cases)
  func agreesWithTheReference(_ one: Golden.Case) throws {
    let base = try #require(Self.golden.bases[one.base])
    let tokenizer = try tokenizer(base.merging(one.files) { $1 })
    for (text, tokens) in zip(Self.golden.texts, one.tokens) {
      #expect(tokenizer(text) == tokens, "\(text)")
    }
  }

  @Test("nothing is changed by files that say what the tokenizer's own file says")
  func plain() throws {
    let base = try #require(Self.golden.bases["bert-file"])
    let plain = #"{"tokenizer_class": "BertTokenizer", "do_lower_case": true, "cls_token": "[CLS]"}"#
    let other = #"{"tokenizer_class": "BertTokenizer", "strip_accents": false}"#
    #expect(try tokenizer(base.merging(["tokenizer_config.json": plain]) { $1 }).isPlain)
    #expect(try !tokenizer(base.merging(["tokenizer_config.json": other]) { $1 }).isPlain)
    #expect(try tokenizer(#require(Self.golden.bases["bert"])).isPlain)
    let more = try #require(Self.golden.bases["bert"]).merging(["added_tokens.json": #"{"[USER]": 200}"#]) { $1 }
    #expect(try !tokenizer(more).isPlain)
  }

  @Test(
    "a class that cuts texts by code of its own is refused by name, whatever files there are",
    arguments: [
      ("bert", "BertJapaneseTokenizer"), ("bert-file", "BertJapaneseTokenizer"), ("roberta", "PhobertTokenizer"),
      ("roberta-file", "BertweetTokenizer"), ("bert", "KoBertTokenizer"), ("bert", "XLMRobertaTokenizer"),
      ("roberta", "BertTokenizer"), ("roberta", "GPT2Tokenizer"),
    ])
  func classes(base: String, name: String) throws {
    let files = try #require(Self.golden.bases[base])
    let error = try #require(throws: TokenizerError.self) {
      try tokenizer(files.merging(["tokenizer_config.json": #"{"tokenizer_class": "\#(name)"}"#]) { $1 })
    }
    guard case .unsupportedClass(let found, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(found == name)
    #expect(error.diagnosis.what.contains("'\(name)'"))
  }

  @Test(
    "declarations that are no tokens are refused with their file",
    arguments: [
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "a"}}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"7": 1}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"-1": {"content": "a"}}}"#),
      ("added_tokens.json", #"{"a": "b"}"#), ("added_tokens.json", #"{"a": 99999999999}"#),
    ])
  func malformed(file: String, text: String) throws {
    let files = try #require(Self.golden.bases["bert"])
    let error = try #require(throws: TokenizerError.self) { try tokenizer(files.merging([file: text]) { $1 }) }
    guard case .unreadable(let found, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(found.hasSuffix(file))
  }

  @Test(
    "a file that Git LFS has not fetched is told as such",
    arguments: ["tokenizer.json", "vocab.txt", "tokenizer_config.json"])
  func pointers(name: String) throws {
    let base = try #require(Self.golden.bases[name == "tokenizer.json" ? "bert-file" : "bert"])
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    let error = try #require(throws: Diagnosis.self) { try tokenizer(base.merging([name: pointer]) { $1 }) }
    #expect(error.what == "the file is a Git LFS pointer; git lfs pull fetches the file itself")
    #expect(error.place?.hasSuffix(name) == true)
  }
}
