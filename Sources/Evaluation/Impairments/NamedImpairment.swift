import Foundation
public import Multimodal
import Records

/// An impairment by the name that conditions and files have it under: `blur` of `image-blur`.
public struct NamedImpairment: Sendable {
  public let name: String
  /// What it acts on.
  public let kind: RawInput.Kind
  /// What happens, as a phrase.
  public let summary: String
  /// What its strength is, as a phrase.
  public let strengthWords: String
  /// The strength where none is said.
  public let usual: Double
  public let range: ClosedRange<Double>
  /// Whether only whole numbers are strengths.
  public let isWhole: Bool
  private let make: @Sendable (Double) -> any RawImpairment

  /// - Parameters:
  ///   - strength: what a strength is, as a phrase: `share of the pixels`.
  ///   - range: the strengths that there are; `usual` is one of them.
  ///   - make: the impairment of a strength, which acts on `kind`.
  public init(
    _ name: String, _ kind: RawInput.Kind, _ summary: String, strength: String, usual: Double,
    in range: ClosedRange<Double> = 0...1, isWhole: Bool = false,
    _ make: @escaping @Sendable (Double) -> any RawImpairment
  ) {
    self.name = name
    self.kind = kind
    self.summary = summary
    strengthWords = strength
    self.usual = usual
    self.range = range
    self.isWhole = isWhole
    self.make = make
  }

  /// The impairment of that strength, which must be in ``range``.
  public func callAsFunction(_ strength: Double) -> any RawImpairment { make(strength) }

  /// All that have a strength of their own: by what they act on, in the order of a list, and then those that are registered.
  public static var all: [NamedImpairment] { registry.all }

  /// Makes an impairment known by its name, to `encode --impairments` and to every command that reads what that made.
  ///
  /// Any thread may register, before anything is encoded, asked or listed.
  ///
  /// - Throws: a `Diagnosis` where the name is taken, by an impairment of whatever kind, or cannot be typed as one word, or
  ///   the usual strength is not in the range.
  public static func register(_ impairment: NamedImpairment) throws {
    if let objection = impairment.objection(to: impairment.usual) {
      throw Diagnosis("the impairment cannot be registered", found: [objection], exitStatus: .usage)
    }
    try registry.register(impairment)
  }

  private static let registry = Registry(
    of: "an impairment", builtIn,
    reserved: ImpairedCondition.allCases.map(\.rawValue) + ["swapped", "absent", "full", "all"]
  ) { $0.name }

  private static let builtIn: [NamedImpairment] = [
    .init(
      "salt-and-pepper", .image, "pixels become white or black", strength: "share of the pixels", usual: 0.3
    ) { SaltAndPepper(ratio: $0) },
    .init(
      "gaussian", .image, "white noise over every pixel", strength: "standard deviation, in 256 levels", usual: 60,
      in: 0...255
    ) { GaussianNoise(deviation: $0) },
    .init(
      "blur", .image, "out of focus", strength: "standard deviation of a Gaussian, in pixels", usual: 5, in: 0...50
    ) { GaussianBlur(deviation: $0) },
    .init(
      "occlusion", .image, "a black rectangle over a part", strength: "share of the area", usual: 0.55
    ) { Occlusion(ratio: $0) },
    .init(
      "low-resolution", .image, "shrunk, and stretched again", strength: "pixels of the longer side", usual: 8,
      in: 1...1024, isWhole: true
    ) { LowResolution(side: Int($0)) },
    .init(
      "jpeg", .image, "written as JPEG and read again", strength: "quality", usual: 5, in: 1...100, isWhole: true
    ) { JPEGCompression(quality: Int($0)) },
    .init(
      "deletion", .text, "words and signs left out", strength: "share of the words", usual: 0.15
    ) { TokenDeletion(ratio: $0) },
    .init(
      "typos", .text, "letters mistyped", strength: "share of the letters", usual: 0.1
    ) { TypingErrors(ratio: $0) },
    .init(
      "shuffle", .text, "words in another order", strength: "share of the words", usual: 1
    ) { WordShuffle(ratio: $0) },
    .init(
      "truncation", .text, "the end cut off", strength: "share of the words", usual: 0.5
    ) { Truncation(ratio: $0) },
    .init(
      "snr", .audio, "white noise over the sound", strength: "signal-to-noise ratio, in decibels", usual: 0,
      in: -60...60
    ) { AddedNoise(decibels: $0) },
    .init(
      "silence", .audio, "parts of a tenth of a second silent", strength: "share of the parts", usual: 0.5
    ) { SilentParts(ratio: $0) },
    .init(
      "clipping", .audio, "loud parts cut off", strength: "share of the largest amplitude that is left", usual: 0.1
    ) { Clipping(ratio: $0) },
  ]

  /// A strength as people write it: 5, 0.2.
  public static func words(_ strength: Double) -> String { Int(exactly: strength).map { "\($0)" } ?? "\(strength)" }

  /// What is wrong with a strength, as a sentence; nil where nothing is.
  func objection(to strength: Double) -> String? {
    guard range.contains(strength), !isWhole || strength == strength.rounded() else {
      return "the strength of '\(name)' is \(Self.words(strength)), must be \(isWhole ? "a whole number " : "")from "
        + "\(Self.words(range.lowerBound)) to \(Self.words(range.upperBound)) (\(strengthWords))"
    }
    return nil
  }
}

/// An impairment that was asked for, and the condition that it makes.
public struct ChosenImpairment: Sendable {
  public let impairment: NamedImpairment
  public let strength: Double
  /// `blur`; with its strength, as `blur-2`, where the same is asked for at several.
  public let name: String

  /// The name of the condition: `image-blur`.
  public var condition: String { "\(impairment.kind.rawValue)-\(name)" }

  /// What is done to an input.
  public var raw: any RawImpairment { impairment(strength) }

  /// As it is written: `blur=5`.
  public var words: String { "\(impairment.name)=\(NamedImpairment.words(strength))" }

  /// What `blur=5,typos=0.2,gaussian` asks for; a name without a strength has the usual one, and `all` is all there are.
  ///
  /// `missing`, `noisy` and `swapped`, which are always there, may be named and add nothing.
  ///
  /// - Parameter kinds: the kinds of input that there are.
  /// - Throws: a `Diagnosis` with all that is wrong.
  public static func parse(_ list: String, kinds: [RawInput.Kind]) throws -> [ChosenImpairment] {
    var found: [(impairment: NamedImpairment, strength: Double)] = []
    var faults: [String] = []
    let always = ImpairedCondition.allCases.map(\.rawValue) + ["swapped"]
    for word in list.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) }) where !word.isEmpty {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let name = parts[0]
      if always.contains(where: { $0.tolerantKey == name.tolerantKey }), parts.count == 1 { continue }
      if name == "all", parts.count == 1 {
        found += NamedImpairment.all.filter { kinds.contains($0.kind) }.map { ($0, $0.usual) }
        continue
      }
      guard let impairment = NamedImpairment.all.first(where: { $0.name.tolerantKey == name.tolerantKey }) else {
        let names = NamedImpairment.all.map(\.name)
        let near = nearest(to: name, in: names).map { "; did you mean '\($0)'?" } ?? ""
        faults.append("there is no impairment '\(name.escapedForTerminal.clipped(60))'\(near)")
        continue
      }
      guard kinds.contains(impairment.kind) else {
        faults.append("'\(impairment.name)' is done to \(impairment.kind.plural), and the data has none")
        continue
      }
      guard parts.count == 1 || Double(parts[1]) != nil else {
        faults.append(
          "the strength of '\(impairment.name)' is '\(parts[1].escapedForTerminal.clipped(60))', not a number")
        continue
      }
      let strength = parts.count == 1 ? impairment.usual : Double(parts[1]) ?? impairment.usual
      if let fault = impairment.objection(to: strength) {
        faults.append(fault)
      } else if !found.contains(where: { $0.impairment.name == impairment.name && $0.strength == strength }) {
        found.append((impairment, strength))
      }
    }
    guard faults.isEmpty else {
      throw Diagnosis(
        faults.count == 1 ? faults[0] : "\(faults.count) impairments cannot be used", place: "--impairments",
        found: faults.count == 1 ? [] : faults, remedy: "seesaw encode --help lists what there is",
        exitStatus: .usage)
    }
    return found.map { impairment, strength in
      let isAlone = found.count { $0.impairment.name == impairment.name } == 1
      return ChosenImpairment(
        impairment: impairment, strength: strength,
        name: isAlone ? impairment.name : "\(impairment.name)-\(NamedImpairment.words(strength))")
    }
  }
}

extension RawInput.Kind {
  /// Several of them, in words.
  fileprivate var plural: String {
    switch self {
    case .image: "pictures"
    case .text: "texts"
    case .audio: "sounds"
    }
  }
}
