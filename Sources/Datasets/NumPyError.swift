public import Records

/// Why a NumPy file, or an array of it, could not be read.
public struct NumPyError: Diagnosable, Equatable {
  public enum Problem: Equatable, Sendable {
    /// Neither a `.npy` nor a `.npz` file.
    case unknownFormat
    /// Python objects: an object array or a pickle, which could run code of anybody's.
    case pickled
    /// What `torch.save` wrote: a pickle too.
    case torch
    /// A zip archive without arrays; what seems to be in it.
    case otherArchive(String)
    /// Elements of a type that is not read; the type as the file spells it.
    case unsupportedType(String)
    /// The file ends early; what is missing.
    case truncated(String)
    /// The file is not what the format asks for; what is wrong with it.
    case malformed(String)
    /// Unpacking would take more memory than allowed.
    case tooLarge(bytes: Int, limit: Int)
    /// No array of that name; the names there are.
    case noArray(found: [String])
    /// The elements are not of the kind that was asked for; what they are, and what was asked for.
    case otherKind(NumPyArray.Kind, wanted: String)
    /// An element that does not fit what was asked for: its place in row-major order, and what is wrong with it.
    case element(Int, String)
  }

  /// The file.
  public let path: String
  /// The array; nil where the trouble is with the file as a whole.
  public let array: String?
  public let problem: Problem

  init(_ path: String, array: String? = nil, _ problem: Problem) {
    self.path = path
    self.array = array
    self.problem = problem
  }

  public var diagnosis: Diagnosis {
    let subject = array.map { "array '\($0)'" } ?? "the file"
    var remedy: String?
    var found: [String] = []
    let what: String
    switch problem {
    case .unknownFormat:
      what = "the file is neither .npy nor .npz"
      remedy = "write it with numpy.save or numpy.savez"
    case .pickled:
      what = "\(subject) holds Python objects (a pickle), which are not read"
      remedy = "save plain arrays: numbers, or text by array.astype(str)"
    case .torch:
      what = "\(subject) is a PyTorch file (a pickle), which is not read, for a pickle can run any code"
      remedy = "save its tensors with safetensors.torch.save_file, or their arrays with numpy.savez"
    case .otherArchive(let kind):
      what = "\(subject) is \(kind), and no .npz archive of arrays"
      remedy = "write the arrays with numpy.savez"
    case .unsupportedType(let type):
      what = "\(subject) has elements of the type '\(type)', which are not read"
      remedy = "save plain arrays of float16 to float64, int8 to int64, uint8 to uint64, bool or str"
    case .truncated(let missing):
      what = "\(subject) is truncated: \(missing)"
      remedy = "copy or write the file again"
    case .malformed(let fault):
      what = "\(subject) is damaged or no NumPy file: \(fault)"
    case .tooLarge(let bytes, let limit):
      what = "\(subject) unpacks to \(bytes) bytes, more than the \(limit) that are allowed"
      remedy = "save it with numpy.savez instead of numpy.savez_compressed, or in parts"
    case .noArray(let names):
      what = "there is no \(subject)"
      found = ["arrays: " + (names.isEmpty ? "none" : names.prefix(12).map { "'\($0)'" }.joined(separator: ", "))]
      remedy = array.flatMap { nearest(to: $0, in: names) }.map { "did you mean '\($0)'?" }
    case .otherKind(let kind, let wanted):
      what = "\(subject) holds \(kind.plural), \(wanted) were expected"
    case .element(let index, let fault):
      what = "\(subject) holds \(fault) in element \(index)"
    }
    return Diagnosis(what, place: path, found: found, remedy: remedy, exitStatus: .input)
  }
}
