import Synchronization

/// What is known by name: what comes with Seesaw, in its order, and behind it what other packages register.
///
/// Any thread may read and register. What was read before a registration does not know of it: register first.
package final class Registry<Element: Sendable>: Sendable {
  private let kind: String
  private let builtIn: [Element]
  private let reserved: [String]
  private let name: @Sendable (Element) -> String
  private let added = Mutex<[Element]>([])

  /// - Parameters:
  ///   - kind: what an element is, with its article: `a method`.
  ///   - reserved: names that mean something else where one of these is typed.
  package init(
    of kind: String, _ builtIn: [Element], reserved: [String] = [], name: @escaping @Sendable (Element) -> String
  ) {
    self.kind = kind
    self.builtIn = builtIn
    self.reserved = reserved
    self.name = name
  }

  package var all: [Element] {
    let others = added.withLock { $0 }
    return others.isEmpty ? builtIn : builtIn + others
  }

  /// Adds an element behind the others.
  ///
  /// - Throws: a `Diagnosis` where its name cannot be typed as one word, or another has it.
  package func register(_ element: Element) throws {
    let name = name(element)
    guard name.wholeMatch(of: /[a-z][a-z0-9]*([-_][a-z0-9]+)*/) != nil, name.utf8.count <= 100 else {
      throw Diagnosis(
        "'\(name.escapedForTerminal.clipped(100))' cannot be the name of \(kind)",
        remedy: "use lower-case letters, digits and single hyphens, and begin with a letter: 'my-own'",
        exitStatus: .usage)
    }
    let taken = (builtIn.map(self.name) + reserved).first { $0.tolerantKey == name.tolerantKey }
    try added.withLock { added in
      guard let other = taken ?? added.map(self.name).first(where: { $0.tolerantKey == name.tolerantKey }) else {
        return added.append(element)
      }
      throw Diagnosis(
        "\(kind) called '\(name)' cannot be registered: the name '\(other)' is taken",
        found: other == name ? [] : ["names match ignoring case, '-' and '_'"], remedy: "give it another name",
        exitStatus: .usage)
    }
  }
}
