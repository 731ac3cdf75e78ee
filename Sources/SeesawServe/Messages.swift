import Foundation
import Records

/// A request whose body has arrived.
struct Request: Sendable {
  var method: String
  /// Without the query.
  var path: String
  var contentType: String?
  /// The address that it came from.
  var client = "127.0.0.1"
  var body: [UInt8] = []

  /// - Parameter target: the path and the query, as the request has them.
  init(_ method: String, _ target: String, contentType: String? = nil, client: String = "", body: [UInt8] = []) {
    self.method = method
    path = String(target.prefix { $0 != "?" && $0 != "#" })
    self.contentType = contentType
    self.client = client
    self.body = body
  }

  /// `application/json` of `Application/JSON; charset=utf-8`.
  var mediaType: String? {
    if contentType == "application/json" { return contentType }
    return contentType.map { $0.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased() }
  }
}

/// What a request is answered with.
struct Response: Sendable, Equatable {
  var status: Int
  var headers: [String: String] = [:]
  var body: [UInt8]
  var type = "application/json"

  /// - Parameter text: JSON, without the end of its line.
  init(_ text: JSONText, status: Int = 200) {
    self.status = status
    body = text.bytes + [UInt8(ascii: "\n")]
  }

  init(_ tree: Tree, status: Int = 200, order: [String] = []) {
    var text = JSONText()
    text.append(tree, order: order)
    self.init(text, status: status)
  }

  init(text: String, type: String) {
    status = 200
    body = Array(text.utf8)
    self.type = type
  }

  var text: String { String(decoding: body, as: UTF8.self) }
}

/// A request that is refused: a status and a sentence.
struct Refused: Error {
  var status: Int
  var diagnosis: Diagnosis
  var headers: [String: String] = [:]

  init(_ status: Int, _ diagnosis: Diagnosis, headers: [String: String] = [:]) {
    self.status = status
    self.diagnosis = diagnosis
    self.headers = headers
  }

  init(
    _ status: Int, _ what: String, place: String? = nil, found: [String] = [], remedy: String? = nil,
    headers: [String: String] = [:]
  ) {
    self.init(status, Diagnosis(what, place: place, found: found, remedy: remedy), headers: headers)
  }

  var response: Response {
    var response = Response(["error": Self.tree(diagnosis)], status: status, order: Self.keyOrder)
    response.headers = headers
    return response
  }

  static let keyOrder = ["error", "what", "where", "found", "remedy"]

  /// The parts of a diagnosis that it has.
  static func tree(_ diagnosis: Diagnosis) -> Tree {
    var parts: [String: Tree] = ["what": .string(diagnosis.what)]
    if let place = diagnosis.place { parts["where"] = .string(place) }
    if !diagnosis.found.isEmpty { parts["found"] = .list(diagnosis.found.map(Tree.string)) }
    if let remedy = diagnosis.remedy { parts["remedy"] = .string(remedy) }
    return .table(parts)
  }
}
