import Foundation
import Multimodal

/// log(|X| + 1e-7) of the short-time Fourier transform X of a sound.
///
/// A periodic Hann window of `size` samples every `hop`, the first of them centred on the first sample; what lies outside of
/// the sound is zero. As `librosa.stft` and `torch.stft` compute it.
package struct LogSpectrogram {
  /// Frequencies from 0 to half the rate: `size / 2 + 1`.
  package let bins: Int
  /// Windows: `samples / hop + 1`.
  package let frames: Int
  /// `frames * bins` numbers, window by window.
  package let values: [Float]

  /// - Parameter size: a power of two.
  package init(_ samples: [Float], size: Int, hop: Int) {
    let fourier = Fourier(size: size)
    bins = size / 2 + 1
    frames = samples.count / hop + 1
    let window = (0..<size).map { 0.5 - 0.5 * cos(2 * .pi * Double($0) / Double(size)) }
    var values: [Float] = []
    values.reserveCapacity(frames * bins)
    var (real, imaginary) = ([Double](repeating: 0, count: size), [Double](repeating: 0, count: size))
    for frame in 0..<frames {
      let start = frame * hop - size / 2
      for place in 0..<size {
        let sample = start + place
        real[place] = sample >= 0 && sample < samples.count ? Double(samples[sample]) * window[place] : 0
        imaginary[place] = 0
      }
      fourier.transform(&real, &imaginary)
      for bin in 0..<bins {
        let magnitude = (real[bin] * real[bin] + imaginary[bin] * imaginary[bin]).squareRoot()
        values.append(Float(log(magnitude + 1e-7)))
      }
    }
    self.values = values
  }
}

/// The discrete Fourier transform of a power of two of numbers, after Cooley and Tukey.
private struct Fourier {
  private let size: Int
  private let cosines: [Double]
  private let sines: [Double]
  /// The place of each number with its bits reversed.
  private let reversed: [Int]

  init(size: Int) {
    precondition(size > 1 && size & (size - 1) == 0, "the size of a transform is a power of two")
    self.size = size
    cosines = (0..<size / 2).map { cos(2 * .pi * Double($0) / Double(size)) }
    sines = (0..<size / 2).map { -sin(2 * .pi * Double($0) / Double(size)) }
    let bits = size.trailingZeroBitCount
    reversed = (0..<size).map { place in (0..<bits).reduce(0) { $0 << 1 | (place >> $1 & 1) } }
  }

  func transform(_ real: inout [Double], _ imaginary: inout [Double]) {
    for place in 0..<size where reversed[place] > place {
      real.swapAt(place, reversed[place])
      imaginary.swapAt(place, reversed[place])
    }
    var half = 1
    while half < size {
      let step = size / (2 * half)
      for block in stride(from: 0, to: size, by: 2 * half) {
        for offset in 0..<half {
          let (a, b) = (block + offset, block + offset + half)
          let (c, s) = (cosines[offset * step], sines[offset * step])
          let (x, y) = (real[b] * c - imaginary[b] * s, real[b] * s + imaginary[b] * c)
          (real[b], imaginary[b]) = (real[a] - x, imaginary[a] - y)
          (real[a], imaginary[a]) = (real[a] + x, imaginary[a] + y)
        }
      }
      half *= 2
    }
  }
}
