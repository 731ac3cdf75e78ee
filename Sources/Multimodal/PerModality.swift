/// One value for each modality, in the data set's order.
public struct PerModality<Value> {
  public let modalities: [Modality]
  public let values: [Value]

  public init(_ modalities: [Modality], _ values: [Value]) {
    precondition(modalities.count == values.count, "one value is needed for each modality")
    self.modalities = modalities
    self.values = values
  }

  public init<Failure: Error>(
    _ modalities: [Modality], _ value: (Modality) throws(Failure) -> Value
  ) throws(Failure) {
    var values: [Value] = []
    for modality in modalities { values.append(try value(modality)) }
    self.init(modalities, values)
  }

  public var count: Int { modalities.count }

  /// The value of a modality that is there.
  public subscript(_ modality: Modality) -> Value {
    guard let position = modalities.firstIndex(of: modality) else {
      preconditionFailure("there is no modality '\(modality)' among \(modalities)")
    }
    return values[position]
  }

  /// A value for each modality, made of its name and its value.
  public func map<New, Failure: Error>(
    _ transform: (Modality, Value) throws(Failure) -> New
  ) throws(Failure) -> PerModality<New> {
    var new: [New] = []
    for (modality, value) in zip(modalities, values) { new.append(try transform(modality, value)) }
    return PerModality<New>(modalities, new)
  }
}

extension PerModality: Sequence {
  public func makeIterator() -> Zip2Sequence<[Modality], [Value]>.Iterator { zip(modalities, values).makeIterator() }
}

extension PerModality: Sendable where Value: Sendable {}
extension PerModality: Equatable where Value: Equatable {}
