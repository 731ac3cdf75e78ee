package import Balancing
import Foundation
package import Records

extension Conformance {
  /// The defaults with one setting at each of its words, switched over, or at an end of its range.
  package static func variations(_ entry: MethodRegistry.Entry) -> [Tree] {
    entry.card.settings.flatMap { setting -> [Tree] in
      var values: [Tree] = setting.allowed.map { .string($0) }
      if let flag = setting.default.boolValue { values.append(.bool(!flag)) }
      if let range = setting.range {
        let ends = [range.aboveMinimum ? nil : range.minimum, range.belowMaximum ? nil : range.maximum].compactMap {
          $0
        }
        values += ends.map { if case .int = setting.default { .int(Int($0)) } else { .number($0) } }
      }
      return values.filter { $0 != setting.default }.map { value in
        var tree = entry.defaults
        tree[path: setting.key] = value
        return tree
      }
    }
  }

  static func describesItsSettings(_ entry: MethodRegistry.Entry) -> [String] {
    let keys = entry.card.settings.map(\.key)
    var faults = Faults()
    for key in entry.defaults.leafPaths where !keys.contains(key) {
      faults.expect(false, "the setting '\(key)' is not on the card")
    }
    for key in keys where !entry.defaults.leafPaths.contains(key) {
      faults.expect(false, "'\(key)' is on the card, and the configuration has no such setting")
    }
    faults.expect(Set(keys).count == keys.count, "the card lists a setting twice")
    for setting in entry.card.settings {
      faults.expect(
        setting.default == entry.defaults[path: setting.key] && setting.default != .null,
        "the card says of '\(setting.key)' another default than the configuration: make the list with 'settings(_:)'")
    }
    return faults.all
  }

  static func keepsItsSettings(_ entry: MethodRegistry.Entry) throws -> [String] {
    func kept<Method: BalancingMethod>(_ method: Method, _ tree: Tree) throws -> Bool {
      let configuration = try tree.decode(Method.Configuration.self)
      let text = try Tree(json: tree.json(), place: "a file")
      return try Tree(encoding: configuration) == tree && text.decode(Method.Configuration.self) == configuration
    }
    func defaults<Method: BalancingMethod>(_ method: Method) throws -> Tree {
      try Tree(encoding: Method.Configuration())
    }
    let method = try entry(entry.defaults)
    var faults = Faults()
    for tree in [entry.defaults] + variations(entry) {
      faults.expect(try kept(method, tree), "read from \(tree.json()), the configuration is another when it is written")
    }
    faults.expect(try entry.defaults == defaults(method), "the defaults are not those of a new configuration")
    return faults.all
  }

  static func refusesUnknownChoices(_ entry: MethodRegistry.Entry) -> [String] {
    var faults = Faults()
    for setting in entry.card.settings where !setting.allowed.isEmpty {
      var tree = entry.defaults
      tree[path: setting.key] = "no-such-word"
      let isRefused = (try? entry(tree)) == nil
      faults.expect(isRefused, "'\(setting.key)' takes the word 'no-such-word', which is not on the card")
    }
    return faults.all
  }

  static func hasACompleteCard(_ entry: MethodRegistry.Entry) -> [String] {
    let card = entry.card
    var faults = Faults()
    faults.expect(
      card.name.wholeMatch(of: /[a-z][a-z0-9]*(-[a-z0-9]+)*/) != nil,
      "the name is '\(card.name)': lower-case letters, digits and single hyphens are expected")
    faults.expect(!card.title.isEmpty, "it has no title")
    faults.expect(card.summary.hasSuffix("."), "the summary does not end with a full stop")
    faults.expect(card.summary.count > 30, "the summary is shorter than a sentence")
    for departure in card.departures {
      faults.expect(departure.hasSuffix("."), "the departure '\(departure)' does not end with a full stop")
    }
    for need in card.needs {
      faults.expect(!need.isEmpty && !need.hasSuffix("."), "the need '\(need)' is not a phrase without a full stop")
    }
    if let citation = card.citation {
      faults.expect(
        !citation.authors.isEmpty && citation.authors.allSatisfy { $0.contains(" ") },
        "the citation does not name its authors in full")
      faults.expect(!citation.title.isEmpty && !citation.venue.isEmpty, "the citation lacks its title or venue")
      faults.expect((1950...2100).contains(citation.year), "the citation's year is \(citation.year)")
      faults.expect(citation.url?.hasPrefix("https://") ?? true, "the citation's address does not begin with https://")
    }
    for setting in card.settings {
      faults.expect(
        setting.summary.count > 5 && !setting.summary.hasSuffix("."),
        "the summary of '\(setting.key)' is not a phrase without a full stop")
      faults.expect(
        setting.key.wholeMatch(of: /[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*/) != nil,
        "'\(setting.key)' is not spelt like a setting")
      if !setting.allowed.isEmpty {
        faults.expect(
          setting.allowed.contains(setting.default.stringValue ?? ""),
          "the default of '\(setting.key)' is none of the words that it may be")
      }
      if let range = setting.range {
        faults.expect(
          setting.default.numberValue.map(range.contains) ?? false,
          "the default of '\(setting.key)' is not in its range")
      }
    }
    return faults.all
  }
}
