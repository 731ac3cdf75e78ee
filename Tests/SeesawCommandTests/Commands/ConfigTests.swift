import Experiments
import Foundation
import Records
import Testing

@testable import SeesawCommand

@Suite("The configuration as it is shown")
struct ConfigTests {
  @Test("every setting has a line, with where its value comes from")
  func lines() throws {
    let (_, resolved) = try Experiment.resolve(method: "balgrad", seed: 3, settings: ["training.epochs=7"])
    let lines = ConfigText.yaml(resolved).split(separator: "\n").map(String.init)
    #expect(lines.count { $0.contains("# ") } == resolved.tree.leafPaths.count)
    #expect(lines.contains { $0.hasPrefix("  epochs: 7 ") && $0.hasSuffix("# --set") })
    #expect(lines.contains { $0.hasPrefix("seed: 3 ") && $0.hasSuffix("# --seed") })
    #expect(lines.contains { $0.hasPrefix("  batch_size: ") && $0.hasSuffix("# default") })
  }

  @Test("what is shown is itself a configuration, and says the same", arguments: ["joint", "balgrad"])
  func roundTrip(_ method: String) throws {
    let (first, resolved) = try Experiment.resolve(
      method: method, seed: 2, data: URL(filePath: "/my data: 1"),
      settings: ["optimizer=sgd", "evaluation.conditions=[full, yes]"])
    let file = ConfigurationFile(name: "shown.yaml", text: ConfigText.yaml(resolved))
    let again = try ConfigurationResolver(defaults: resolved.tree).resolve(files: [file])
    #expect(again.tree == resolved.tree)
    #expect(try again.tree.decode(RunConfiguration.self) == first)
  }

  @Test(
    "words that YAML would read as something else are quoted",
    arguments: [
      ("balgrad", "balgrad"), ("a b", "\"a b\""), ("", "\"\""), ("true", "\"true\""), ("No", "\"No\""),
      ("1e3", "\"1e3\""),
      ("/data/x", "\"/data/x\""), ("a: b", "\"a: b\""), ("null", "\"null\""), ("cuda:1", "\"cuda:1\""),
    ])
  func scalars(_ text: String, _ written: String) { #expect(ConfigText.scalar(.string(text)) == written) }
}
