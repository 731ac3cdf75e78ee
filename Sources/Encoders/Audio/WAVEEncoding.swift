public import Foundation
public import Multimodal

extension Waveform {
  /// The bytes of a WAVE file: one channel of 16 bits, amplitudes beyond -1…1 cut off.
  public func wave() -> Data {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(44 + 2 * samples.count)
    func put(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
    bytes += Array("RIFF".utf8)
    put(UInt32(36 + 2 * samples.count))
    bytes += Array("WAVEfmt ".utf8)
    // Plain whole numbers, one channel, bytes a second, bytes a sample, bits a sample.
    put(UInt32(16))
    put(UInt16(1))
    put(UInt16(1))
    put(UInt32(rate))
    put(UInt32(2 * rate))
    put(UInt16(2))
    put(UInt16(16))
    bytes += Array("data".utf8)
    put(UInt32(2 * samples.count))
    for sample in samples { put(Int16(min(max((sample * 32768).rounded(), -32768), 32767))) }
    return Data(bytes)
  }
}
