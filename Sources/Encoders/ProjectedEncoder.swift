import Foundation
public import Multimodal
public import Records

/// What a ``ProjectedEncoder`` can be told, besides what measures an input.
public protocol ProjectionSettings: Settings {
  /// The number of features, or fewer where there are fewer training rows.
  var components: Int { get }
  /// Where the randomised projection starts.
  var seed: UInt64 { get }
}

/// What makes numbers of an input, always as many, for a ``ProjectedEncoder``.
public protocol InputMeasure: Sendable {
  associatedtype Options: ProjectionSettings

  static var name: String { get }
  static var version: Int { get }
  static var kind: RawInput.Kind { get }
  static var summary: String { get }

  /// - Throws: ``EncoderError/settings(encoder:reason:)``.
  init(_ settings: Options) throws(EncoderError)
  var settings: Options { get }
  /// How many numbers there are.
  var count: Int { get }
  /// - Throws: ``EncoderError/otherKind(encoder:expected:)``.
  func numbers(of input: RawInput) throws -> [Float]
}

extension InputMeasure {
  static func check(_ holds: Bool, _ reason: String) throws(EncoderError) {
    if !holds { throw .settings(encoder: name, reason: reason) }
  }
}

/// Numbers of an input, standardised on the training split and projected on its first principal directions.
///
/// Features of the training split have a mean square of 1.
public struct ProjectedEncoder<Measure: InputMeasure>: BuiltInEncoder {
  public static var name: String { Measure.name }
  public static var version: Int { Measure.version }
  public static var kind: RawInput.Kind { Measure.kind }
  public static var summary: String { Measure.summary }
  public static var learns: Bool { true }

  private let measure: Measure
  private var projection: StandardisedProjection?

  public var settings: Measure.Options { measure.settings }
  public var width: Int { projection?.width ?? 0 }

  public init() throws { try self.init(Measure.Options()) }

  /// The encoder, not fitted.
  ///
  /// - Throws: ``EncoderError/settings(encoder:reason:)``.
  public init(_ settings: Measure.Options) throws(EncoderError) {
    try Measure.check(settings.components > 0, "'components' is \(settings.components), not 1 or more")
    measure = try Measure(settings)
  }

  public init(restoring state: EncoderState) throws {
    guard let settings = try? JSONDecoder().decode(Measure.Options.self, from: state.json) else {
      throw EncoderError.unreadableState(encoder: Self.name, reason: "its settings are incomplete")
    }
    try self.init(settings)
    projection = try StandardisedProjection(state.arrays, length: measure.count, encoder: Self.name)
  }

  public func prepare(_ input: RawInput) throws -> PreparedInput {
    PreparedInput(values: try measure.numbers(of: input))
  }

  public mutating func fit(_ inputs: [PreparedInput], threads: Int) throws {
    projection = try StandardisedProjection(
      fitting: inputs, length: measure.count, components: settings.components, seed: settings.seed, threads: threads,
      encoder: Self.name)
  }

  private func fitted() throws -> StandardisedProjection {
    guard let projection else { throw EncoderError.notFitted(encoder: Self.name) }
    return projection
  }

  public func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float] {
    try fitted().features(inputs, threads: threads)
  }

  public func state() throws -> EncoderState {
    try EncoderState(settings: settings, arrays: fitted().arrays())
  }
}
