/// Σⱼ≠ₘ xⱼ for each m, from sums from the left and from the right.
///
/// The cost grows linearly in their number, and nothing is lost as it would be by taking xₘ off the whole sum.
func sumsOfOthers<Value, Failure: Error>(
  _ values: [Value], _ add: (Value, Value) throws(Failure) -> Value
) throws(Failure) -> [Value] {
  precondition(values.count > 1, "a sum over others needs at least two values")
  var left: [Value] = [values[0]]
  for value in values.dropFirst().dropLast() { left.append(try add(left[left.count - 1], value)) }
  var right: [Value] = [values[values.count - 1]]
  for value in values.dropFirst().dropLast().reversed() { right.append(try add(value, right[right.count - 1])) }
  right.reverse()
  // left[m] holds values 0…m and right[m] holds values m+1….
  var sums: [Value] = [right[0]]
  for m in 1..<(values.count - 1) { sums.append(try add(left[m - 1], right[m])) }
  sums.append(left[values.count - 2])
  return sums
}
