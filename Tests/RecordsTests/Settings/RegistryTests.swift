import Foundation
import Records
import Testing

@Suite("A registry")
struct RegistryTests {
  private let registry = Registry(of: "a method", ["joint", "ogm-ge"], reserved: ["all"]) { $0 }

  @Test("what is registered comes behind what is built in, in order")
  func order() throws {
    try registry.register("tilt")
    try registry.register("sway2")
    #expect(registry.all == ["joint", "ogm-ge", "tilt", "sway2"])
  }

  @Test("a name that is taken is refused with the one that has it", arguments: ["joint", "OGM_GE", "ogmge", "all"])
  func taken(_ name: String) throws {
    let error = try #require(throws: Diagnosis.self) { try registry.register(name.lowercased()) }
    let other = ["joint", "ogm-ge", "all"].first { $0.tolerantKey == name.tolerantKey } ?? ""
    #expect(error.what == "a method called '\(name.lowercased())' cannot be registered: the name '\(other)' is taken")
    #expect(error.remedy == "give it another name")
    #expect(registry.all.count == 2)
  }

  @Test("a name that is registered is not registered again")
  func twice() throws {
    try registry.register("tilt")
    #expect(throws: Diagnosis.self) { try registry.register("tilt") }
    #expect(registry.all.count { $0 == "tilt" } == 1)
  }

  @Test(
    "a name that is no single word in small letters is refused",
    arguments: [
      "", "Tilt", "my method", "2tilt", "tilt-", "a--b", "tilt/1", "tilt:x", String(repeating: "a", count: 101),
    ])
  func spelling(_ name: String) throws {
    let error = try #require(throws: Diagnosis.self) { try registry.register(name) }
    #expect(error.what.contains("cannot be the name of a method"))
    #expect(error.exitStatus == .usage)
  }

  @Test("of many threads that register one name one succeeds, and all others' names are kept")
  func threads() {
    let registry = registry
    DispatchQueue.concurrentPerform(iterations: 200) { turn in
      try? registry.register("own-\(turn / 2)")
    }
    #expect(registry.all.count == 102)
    #expect(Set(registry.all).count == 102)
  }
}
