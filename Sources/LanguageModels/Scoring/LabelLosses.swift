public import Records
public import Torch

/// What a language model is trained by to write the right label.
public enum LabelLoss: String, SettingChoice {
  /// The mean of −log p over the true label's tokens, mean over samples.
  case token
  /// −log softmax over the classes of Σ log p of each label's tokens, mean over samples.
  case classes = "class"
}

extension LanguageModel {
  /// The loss of prompts whose true labels are known; gradients reach adapters and rows of pictures.
  ///
  /// - Parameters:
  ///   - prompts: B, each with the suffixes of all classes.
  ///   - rows: of each prompt the rows of its pictures.
  ///   - labels: of each prompt its class.
  public func loss(
    _ form: LabelLoss, of prompts: [LabelledPrompt], rows: [[Tensor]], labels: [Int]
  ) throws -> Tensor {
    switch form {
    case .token: try tokenLoss(prompts, rows, labels)
    case .classes: try labelSums(prompts, rows: rows).crossEntropy(Tensor(labels))
    }
  }

  /// The true labels are read with their prompts in one pass.
  private func tokenLoss(_ prompts: [LabelledPrompt], _ rows: [[Tensor]], _ labels: [Int]) throws -> Tensor {
    let suffixes = zip(prompts, labels).map { $0.suffixes[$1] }
    let whole = try zip(prompts, suffixes).map { prompt, suffix in
      // The last token is written and never read.
      let read = suffix.dropLast()
      return try sequence(
        prompt.prompt.ids + read, roles: prompt.prompt.roles + read.map { _ in .answer },
        pictures: prompt.prompt.pictures)
    }
    let output = try prefill(
      whole, embeddings: embed(whole, rows: rows), view: AttentionView(), cache: nil, observer: nil)
    let length = output.hidden.shape[1]
    var (places, wanted, weights): ([Int], [Int], [Double]) = ([], [], [])
    for (row, (prompt, suffix)) in zip(prompts, suffixes).enumerated() {
      for (number, token) in suffix.enumerated() {
        places.append(row * length + prompt.prompt.count - 1 + number)
        wanted.append(token)
        weights.append(1 / Double(suffix.count * prompts.count))
      }
    }
    let device = output.hidden.device
    let hidden = try output.hidden.reshaped([-1, output.hidden.shape[2]]).indexed(0, by: Tensor(places).to(on: device))
    let logs = try logits(of: hidden).logSoftmax(1)
    let own = try logs.gathered(1, by: Tensor(wanted, shape: [wanted.count, 1]).to(on: device)).flattened()
    return try -(own * Tensor(weights).to(own.elementType, on: device)).sum()
  }

  /// Σ log p of each class's label after each prompt, [B, classes]; all labels of a prompt share its reading.
  ///
  /// - Parameter portion: rows of labels that are read together.
  public func labelSums(_ prompts: [LabelledPrompt], rows: [[Tensor]], portion: Int = 256) throws -> Tensor {
    let cache = KeyValueCache()
    let sequences = prompts.map(\.prompt)
    let output = try prefill(
      sequences, embeddings: embed(sequences, rows: rows), view: AttentionView(), cache: cache, observer: nil)
    let device = output.hidden.device
    let classes = prompts.first?.suffixes.count ?? 0
    let first = try logits(of: output.last()).logSoftmax(1)
    let begins = try Tensor(prompts.flatMap { $0.suffixes.map { $0[0] } }, shape: [prompts.count, classes])
    var sums = try first.gathered(1, by: begins.to(on: device)).flattened()
    // What is of one token only is known already.
    let longer = prompts.indices.flatMap { row in (0..<classes).map { (row: row, label: $0) } }
      .filter { prompts[$0.row].suffixes[$0.label].count > 1 }
    for start in stride(from: 0, to: longer.count, by: portion) {
      let own = Array(longer[start..<min(start + portion, longer.count)])
      let suffixes = own.map { prompts[$0.row].suffixes[$0.label] }
      let width = (suffixes.map(\.count).max() ?? 1) - 1
      let further = try step(suffixes.map { Array($0.dropLast()) }, cache: cache.selecting(rows: own.map(\.row)))
      let logs = try logits(of: further.hidden).logSoftmax(2)
      let wanted = suffixes.flatMap { $0.dropFirst() + Array(repeating: 0, count: width + 1 - $0.count) }
      let counts = suffixes.flatMap { suffix in (0..<width).map { $0 < suffix.count - 1 ? 1.0 : 0 } }
      let index = try Tensor(wanted, shape: [own.count, width, 1]).to(on: device)
      let counted = try Tensor(counts, shape: [own.count, width]).to(logs.elementType, on: device)
      let more = try (logs.gathered(2, by: index).squeezed(2) * counted).sum(1)
      sums = try sums.indexAdded(0, Tensor(own.map { $0.row * classes + $0.label }).to(on: device), more)
    }
    return try sums.reshaped([prompts.count, classes])
  }
}
