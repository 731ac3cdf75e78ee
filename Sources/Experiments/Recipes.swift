public import Foundation
public import Records

extension CompareRequest {
  /// A comparison by a recipe; `seeds` goes before the recipe's own number.
  public init(data: URL, recipe: Recipe, seeds: Int? = nil, out: URL) {
    let rows = recipe.rows.map {
      ComparisonRow(label: $0.label, method: $0.method, settings: Recipe.words($0.set))
    }
    self.init(data: data, rows: rows, seeds: seeds ?? recipe.seeds, out: out)
    settings = Recipe.words(recipe.settings)
    sweepRatios = recipe.sweep
  }
}
