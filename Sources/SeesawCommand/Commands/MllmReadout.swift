import ArgumentParser
import Experiments
import Foundation
import LanguageModels
import Records
import Torch

extension MllmCommand {
  struct Readout: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      abstract:
        "Show the see-saw of adapters from nothing: a small language model learns digits as text, then as pictures.",
      discussion: """
        Needs no data and no weights; a quarter of an hour on one core. LoRA and MokA, with and without modality dropout, each \
        with the image and with the text hidden. What is done is kept in --out, and the same command goes on.
        """)

    static let examples = ["seesaw mllm readout --seeds 1", "seesaw mllm readout --seeds 3 --markdown readout.md"]

    @Option(help: ArgumentHelp("So many seeds, from 0.", valueName: "number"))
    var seeds = 3

    @Option(help: ArgumentHelp("Where results are kept.", valueName: "folder"))
    var out = "runs/mllm-readout"

    @Option(help: ArgumentHelp("Also write the table into a file.", valueName: "file"))
    var markdown: String?

    @Option(help: ArgumentHelp("Steps of each training.", valueName: "number"))
    var steps = 800

    @OptionGroup var talk: TalkOptions

    func validate() throws {
      guard seeds > 0 else { throw ValidationError("--seeds is \(seeds), must be at least 1.") }
      guard steps > 0 else { throw ValidationError("--steps is \(steps), must be at least 1.") }
    }

    func run() throws {
      let output = Output(talk)
      let target = URL(filePath: out)
      // Products are small: more threads would wait for each other.
      Runtime.setThreads(1)
      var trial = ReadoutTrial()
      trial.steps = steps
      let table: ReadoutTable
      do {
        table = try Experiment.readout(
          trial, seeds: Array(0..<seeds), out: target, stop: Interruption.flag(), events: output.events)
      } catch is CancellationError {
        output.clear()
        throw Comparison.interrupted(target.relativePath)
      }
      output.clear()
      let text = table.markdown()
      if let markdown { try AtomicFile.write(Data((text + "\n").utf8), to: URL(filePath: markdown)) }
      try output.answer(text)
    }
  }
}
