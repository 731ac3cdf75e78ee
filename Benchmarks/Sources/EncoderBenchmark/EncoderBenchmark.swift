import Foundation
import Seesaw

/// Encodes the lines of a file (texts, or paths of pictures) once for each line on standard input, and answers with
/// the seconds it took and the rows; `Benchmarks/reference/encoders.py` asks.
///
///     EncoderBenchmark text|image FOLDER FILE THREADS float32|bfloat16
@main
enum EncoderBenchmark {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 6, let kind = RawInput.Kind(rawValue: arguments[1]), let threads = Int(arguments[4]),
      let precision = EncoderPrecision(rawValue: arguments[5])
    else {
      FileHandle.standardError.write(
        Data("usage: EncoderBenchmark text|image FOLDER FILE THREADS float32|bfloat16\n".utf8))
      exit(64)
    }
    Runtime.setThreads(threads)
    var settings = PretrainedSettings()
    settings.precision = precision
    let encoder = try EncoderRegistry.make(arguments[2], of: kind, settings: settings)
    let lines = try String(contentsOfFile: arguments[3], encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let inputs = RawInputs(count: lines.count) { index in
      switch kind {
      case .text: .text(lines[index])
      case .image: .image(try RGBImage(contentsOf: URL(filePath: lines[index])))
      case .audio: .audio(try Waveform(contentsOf: URL(filePath: lines[index])))
      }
    }
    let clock = ContinuousClock()
    while readLine() != nil {
      var rows: [Float] = []
      let time = try clock.measure { rows = try encoder.encode(inputs, threads: threads) }
      let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18
      let written = stride(from: 0, to: rows.count, by: encoder.width).map { start in
        rows[start..<start + encoder.width].map { "\($0)" }.joined(separator: ",")
      }
      FileHandle.standardOutput.write(Data("\(seconds) \(written.joined(separator: ";"))\n".utf8))
    }
  }
}
