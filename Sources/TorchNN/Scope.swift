public import Torch

/// A place from which parameters and deeper places are made: in a store, or over tensors that there are already.
public struct Scope {
  enum Source {
    case store(ParameterStore)
    case constants(ConstantParameters)
  }

  private let source: Source
  /// Where the names of ``rename`` are below.
  private let base: ParameterPath
  /// Below the base, as the network has it.
  private let own: ParameterPath
  private let rename: ((String) -> String)?
  /// What the parameters begin as, by their names below the base; nil: as the network says.
  private let values: [String: Tensor]?

  init(
    _ source: Source, base: ParameterPath = ParameterPath([]), own: ParameterPath = ParameterPath([]),
    rename: ((String) -> String)? = nil, values: [String: Tensor]? = nil
  ) {
    self.source = source
    self.base = base
    self.own = own
    self.rename = rename
    self.values = values
  }

  /// The path of what is made here.
  public var path: ParameterPath { ParameterPath(base.components + named(own).components) }

  private func named(_ own: ParameterPath) -> ParameterPath {
    rename.map { ParameterPath($0(own.description)) } ?? own
  }

  public static func / (scope: Scope, component: String) -> Scope {
    Scope(scope.source, base: scope.base, own: scope.own / component, rename: scope.rename, values: scope.values)
  }

  /// The same place, below which names are others: `rename` says where a network's own name (`layers.0.query.weight`) is.
  package func renamed(_ rename: @escaping (String) -> String) -> Scope {
    Scope(source, base: path, rename: rename, values: values)
  }

  /// The same place, whose parameters begin as tensors by their names below it, and as zeros where there is none of that name;
  /// it may be renamed afterwards.
  package func beginning(as values: [String: Tensor]) -> Scope {
    precondition(rename == nil, "names are mapped after it is said what they begin as")
    return Scope(source, base: path, values: values)
  }

  /// The type of a store's parameters; nil where they are tensors that there are.
  package var elementType: ElementType? { if case .store(let store) = source { store.elementType } else { nil } }

  /// Makes a parameter; a path can be taken once.
  ///
  /// - Parameter isStatistic: as of ``ParameterStore/make(_:_:_:isStatistic:)``.
  public func parameter(
    _ name: String, _ shape: [Int], _ initializer: Initializer, isStatistic: Bool = false
  ) throws(TorchError) -> Parameter {
    let name = named(own / name)
    let path = ParameterPath(base.components + name.components)
    switch source {
    case .store(let store):
      let made = try store.make(path, shape, values == nil ? initializer : .zeros, isStatistic: isStatistic)
      if let value = values?[name.description] { try made.tensor.copy(from: value) }
      return made
    case .constants(let constants): return try constants.make(path, shape)
    }
  }

  /// Puts the parameters that are made within in the order of their names.
  package func sorting<Made, Failure: Error>(_ make: () throws(Failure) -> Made) throws(Failure) -> Made {
    guard case .store(let store) = source else { return try make() }
    return try store.sorting(make)
  }
}

/// Parameters that are tensors as they are, such as those of mapped files: nothing is copied, and nobody trains them.
package final class ConstantParameters {
  package private(set) var parameters: [Parameter] = []
  private let tensor: (ParameterPath, [Int]) throws(TorchError) -> Tensor

  /// - Parameter tensor: of a path, in a shape.
  package init(_ tensor: @escaping (ParameterPath, [Int]) throws(TorchError) -> Tensor) { self.tensor = tensor }

  package var root: Scope { Scope(.constants(self)) }

  func make(_ path: ParameterPath, _ shape: [Int]) throws(TorchError) -> Parameter {
    let parameter = Parameter(constant: try tensor(path, shape), path: path)
    parameters.append(parameter)
    return parameter
  }
}
