/// A measured number and where it lies with 95 % confidence; the interval is `nil` where nothing could be resampled.
public struct Estimate: Codable, Equatable, Sendable {
  public var value: Double
  public var interval95: Interval?

  public init(_ value: Double, interval95: Interval? = nil) {
    self.value = value
    self.interval95 = interval95
  }

  /// Whether the whole interval is above a bound.
  public func isAbove(_ bound: Double) -> Bool { interval95.map { $0.low > bound } ?? false }

  /// Whether the whole interval is below a bound.
  public func isBelow(_ bound: Double) -> Bool { interval95.map { $0.high < bound } ?? false }
}
