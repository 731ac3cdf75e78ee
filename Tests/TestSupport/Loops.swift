/// The sum of `term` over 0..<count.
public func total(_ count: Int, _ term: (Int) -> Double) -> Double {
  var sum = 0.0
  for i in 0..<count { sum += term(i) }
  return sum
}

/// `value` for every row and column, row by row.
public func matrix(_ rows: Int, _ columns: Int, _ value: (Int, Int) -> Double) -> [Double] {
  var values: [Double] = []
  for i in 0..<rows { for j in 0..<columns { values.append(value(i, j)) } }
  return values
}

/// `value` for every triple of positions, the last running fastest.
public func cube(_ first: Int, _ second: Int, _ third: Int, _ value: (Int, Int, Int) -> Double) -> [Double] {
  var values: [Double] = []
  for i in 0..<first { for j in 0..<second { for k in 0..<third { values.append(value(i, j, k)) } } }
  return values
}
