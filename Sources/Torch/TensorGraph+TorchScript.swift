import CTorch

extension TensorGraph {
  /// The graph as the method `forward` of a module, in TorchScript.
  ///
  /// Constants are the module's buffers.
  ///
  /// - Parameter optional: inputs that need not be given, and are then true everywhere.
  public func script(leavingOut optional: Set<String> = []) -> String {
    let names = argumentNames
    var lines: [String] = []
    let arguments = zip(inputs, names).map { input, name in
      optional.contains(input.name) ? "\(name): Optional[Tensor] = None" : "\(name): Tensor"
    }
    let form = outputs.count == 1 ? "Tensor" : "Tuple[\(outputs.map { _ in "Tensor" }.joined(separator: ", "))]"
    lines.append("def forward(self, \(arguments.joined(separator: ", "))) -> \(form):")
    let counted = inputs.indices.first { !optional.contains(inputs[$0].name) } ?? 0
    lines.append("    rows = \(names[counted]).size(0)")
    for (input, name) in zip(inputs, names) where optional.contains(input.name) {
      let width = forms[input.tensor]?.shape.dropFirst().map(Self.text) ?? []
      lines.append("    if \(name) is None:")
      lines.append("        v\(input.tensor) = torch.ones([\((["rows"] + width).joined(separator: ", "))], dtype=11)")
      lines.append("    else:")
      lines.append("        v\(input.tensor) = \(name)")
    }
    func text(_ tensor: Int) -> String {
      if constants[tensor] != nil { return "self.c\(tensor)" }
      if let place = inputs.firstIndex(where: { $0.tensor == tensor }), !optional.contains(inputs[place].name) {
        return names[place]
      }
      return "v\(tensor)"
    }
    for node in nodes {
      let given = node.arguments.map { argument in
        let value: String =
          switch argument.value {
          case .none: "None"
          case .tensor(let number): text(number)
          case .tensors(let numbers): "[\(numbers.map(text).joined(separator: ", "))]"
          case .size(let size): Self.text(size)
          case .sizes(let sizes): "[\(sizes.map(Self.text).joined(separator: ", "))]"
          case .number(let number): Self.text(number)
          case .truth(let truth): truth ? "True" : "False"
          case .text(let text): "\"\(text)\""
          }
        return argument.isKeyword ? "\(argument.name)=\(value)" : value
      }
      let made = node.outputs.map { $0 < 0 ? "_" : "v\($0)" }.joined(separator: ", ")
      lines.append("    \(made) = torch.\(node.operation)(\(given.joined(separator: ", ")))")
    }
    let given = outputs.map { text($0.tensor) }.joined(separator: ", ")
    lines.append("    return \(outputs.count == 1 ? given : "(\(given))")")
    return lines.joined(separator: "\n") + "\n"
  }

  /// What `forward` calls the inputs: their names, as far as Python can spell them.
  public var argumentNames: [String] {
    var taken: Set = ["self", "rows", "torch", "None", "True", "False", "and", "or", "not", "in", "is", "if", "else"]
    taken.formUnion([
      "for", "while", "def", "class", "return", "pass", "print", "float", "int", "bool", "assert", "lambda",
    ])
    return inputs.map { input in
      var name = String(input.name.unicodeScalars.map { Self.isPlain($0) ? Character($0) : "_" })
      // v7 and c7 are names of the graph's own.
      let isNumbered = name.count > 1 && "vc".contains(name.prefix(1)) && name.dropFirst().allSatisfy(\.isNumber)
      if isNumbered || name.first?.isNumber ?? true { name = "_" + name }
      while taken.contains(name) { name += "_" }
      taken.insert(name)
      return name
    }
  }

  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
  }

  private static func text(_ size: Size) -> String {
    switch size {
    case .fixed(let length): "\(length)"
    case .rows(1): "rows"
    case .rows(let factor): "\(factor) * rows"
    }
  }

  private static func text(_ number: Double) -> String {
    if number.isNaN { return "float(\"nan\")" }
    return number.isFinite ? "\(number)" : "float(\"\(number < 0 ? "-" : "")inf\")"
  }

  /// Writes the graph as a TorchScript module, which `torch.jit.load` and ``ScriptModule`` read.
  ///
  /// - Parameters:
  ///   - optional: inputs that need not be given, and are then true everywhere.
  ///   - about: JSON, kept as the file `seesaw.json` in the module.
  public func writeScript(to path: String, leavingOut optional: Set<String> = [], about: String) throws(TorchError) {
    let kept = constants.sorted { $0.key < $1.key }
    let names = kept.map { "c\($0.key)".utf8CString }
    let source = script(leavingOut: optional)
    // The names lie one after the other, each ended by a zero.
    let letters = names.flatMap { $0 }
    let starts = names.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
    let status = letters.withUnsafeBufferPointer { letters in
      let pointers = starts.dropLast().map { place in letters.baseAddress.map { $0 + place } }
      return pointers.withUnsafeBufferPointer { pointers in
        withHandles(kept.map(\.value)) { handles, count in
          ctorch_module_write(path, source, pointers.baseAddress, handles, count, about)
        }
      }
    }
    try done("torch.jit.save", [], status)
  }
}
