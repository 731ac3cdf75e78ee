/// What a step of each method cost when it was last measured, as a multiple of joint training's: `make bench` prints it.
enum MethodCosts {
  static let measured: [String: Double] = [:]
}
