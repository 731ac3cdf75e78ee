/// A split drawn by class for rows that have no ids of their own, each group whole.
package enum GroupedSplit {
  /// 70 % for training, 10 % for validation and 20 % for testing.
  ///
  /// - Parameter row: the class and the group of a row.
  package static func drawn(
    count: Int, seed: UInt64, _ row: (Int) -> (stratum: String, group: String)
  ) -> [RawSplit] {
    var settings = RawDatasetSettings()
    settings.splitSeed = seed
    return RawSplitting.splits(count: count, settings: settings) { place in
      let (stratum, group) = row(place)
      return .init(id: "\(place)", stratum: stratum, group: group)
    }
  }
}
