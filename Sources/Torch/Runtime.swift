import CTorch

/// The libtorch this process runs on.
public enum Runtime {
  public static var version: String { String(cString: ctorch_version()) }

  /// How many threads an operation may use.
  public static var threads: Int { Int(ctorch_threads()) }

  /// Sets how many threads an operation may use; results may differ in the last bits between counts.
  public static func setThreads(_ count: Int) { ctorch_set_threads(Int32(clamping: count)) }

  /// Whether a device multiplies bfloat16 numbers in hardware.
  public static func multipliesBFloat16(on device: Device) -> Bool {
    device.isProcessor ? ctorch_has_bfloat16() : device.name.hasPrefix("cuda")
  }

  /// The devices that can be computed on.
  public static var devices: [Device] {
    [.cpu] + (ctorch_has_cuda() ? ["cuda"] : []) + (ctorch_has_mps() ? ["mps"] : [])
  }
}
