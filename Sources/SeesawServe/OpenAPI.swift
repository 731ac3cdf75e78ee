import Experiments
import Records

/// The OpenAPI 3.1 description of what the server answers.
enum OpenAPI {
  static let keyOrder = [
    "openapi", "info", "paths", "components", "title", "version", "summary", "description", "operationId", "parameters",
    "requestBody", "responses", "name", "in", "required", "type", "properties",
  ]

  static func description(of models: [ServedModel]) -> Tree {
    let paths: Tree = [
      "/health/live": get("live", "Whether the server runs.", "Status"),
      "/health/ready": get("ready", "Whether it takes requests; 503 once it is stopping.", "Status", errors: ["503"]),
      "/metrics": [
        "get": [
          "operationId": "metrics", "summary": "Metrics in Prometheus's text form.",
          "responses": ["200": ["description": "metrics", "content": ["text/plain": ["schema": ["type": "string"]]]]],
        ]
      ],
      "/openapi.json": [
        "get": [
          "operationId": "description", "summary": "This description.",
          "responses": ["200": ["description": "OpenAPI", "content": json(["type": "object"])]],
        ]
      ],
      "/v1/models": get("models", "The models.", "Models"),
    ]
    var all = paths.tableValue ?? [:]
    for model in models {
      let path = "/v1/models/\(model.name)"
      all[path] = get("model-\(model.name)", "What the model is asked and what it tells apart.", "Model")
      all["\(path)/predict"] = predict(model)
    }
    let description: Tree = [
      "openapi": "3.1.0",
      "info": [
        "title": "Seesaw", "version": .string(Experiment.version),
        "description": "Predictions of multimodal models, with any modality absent.",
      ], "components": ["schemas": schemas],
    ]
    return description.overlaid(with: ["paths": .table(all)])
  }

  private static func reference(_ name: String) -> Tree { ["$ref": .string("#/components/schemas/\(name)")] }
  private static func json(_ schema: Tree) -> Tree { ["application/json": ["schema": schema]] }

  private static func response(_ what: String, _ schema: String) -> Tree {
    ["description": .string(what), "content": json(reference(schema))]
  }

  private static func get(_ id: String, _ summary: String, _ schema: String, errors: [String] = []) -> Tree {
    var responses: [String: Tree] = ["200": response("the answer", schema)]
    for code in errors { responses[code] = response(words[code] ?? "refused", "Error") }
    return ["get": ["operationId": .string(id), "summary": .string(summary), "responses": .table(responses)]]
  }

  private static let words = [
    "400": "the body is not of the form that its type says", "408": "the body did not arrive in time",
    "413": "the body, or the number of samples, is too large", "415": "a type of body that is not read",
    "422": "the sample cannot be answered", "429": "too many requests from one address",
    "500": "a defect of the server", "503": "as much waits as may, or the server is stopping",
  ]

  private static func predict(_ model: ServedModel) -> Tree {
    var responses: [String: Tree] = [
      "200": [
        "description":
          "a prediction, or of several samples one each; those that cannot be answered have an error instead",
        "content": json(["oneOf": [reference("Prediction"), reference("Predictions")]]),
      ]
    ]
    for (code, what) in words where code != "422" { responses[code] = response(what, "Error") }
    responses["422"] = [
      "description": .string(words["422"] ?? ""),
      "content": json(["oneOf": [reference("SampleError"), reference("Predictions")]]),
    ]
    let sample = sample(of: model)
    var parts: [String: Tree] = [
      "id": ["type": "string"], "features": ["type": "string", "contentMediaType": "application/json"],
    ]
    for name in model.predictor.encodable {
      switch name {
      case "text": parts[name] = ["type": "string"]
      case "image": parts[name] = ["type": "array", "items": ["type": "string", "format": "binary"]]
      default: parts[name] = ["type": "string", "format": "binary"]
      }
    }
    return [
      "post": [
        "operationId": .string("predict-\(model.name)"),
        "summary": .string("Predict with '\(model.name)'; any modality may be absent."),
        "requestBody": [
          "required": true,
          "content": [
            "application/json": [
              "schema": [
                "oneOf": [
                  sample,
                  [
                    "type": "object", "required": ["instances"], "additionalProperties": false,
                    "properties": [
                      "instances": [
                        "type": "array", "items": ["type": "object"], "minItems": 1,
                        "maxItems": .int(model.queue.limits.queue),
                      ]
                    ],
                  ],
                ]
              ]
            ],
            "multipart/form-data": ["schema": ["type": "object", "properties": .table(parts)]],
          ],
        ], "responses": .table(responses),
      ]
    ]
  }

  /// One sample as the model takes it.
  private static func sample(of model: ServedModel) -> Tree {
    let predictor = model.predictor
    var features: [String: Tree] = [:]
    for name in predictor.modalities {
      let count = Tree.int(predictor.featureCounts[name] ?? 0)
      features[name] = [
        "type": ["array", "null"], "items": ["type": "number"], "minItems": count, "maxItems": count,
        "description": "The features of the modality, as the run's data had them.",
      ]
    }
    var properties: [String: Tree] = [
      "id": ["type": ["string", "number", "null"]],
      "features": ["type": ["object", "null"], "properties": .table(features), "additionalProperties": false],
    ]
    let encoded: Tree = ["type": ["string", "null"], "contentEncoding": "base64"]
    var ways: [Tree] = [["features"]]
    for name in predictor.encodable {
      switch name {
      case "text": properties[name] = ["type": ["string", "null"]]
      case "image":
        properties[name] = [
          "anyOf": [encoded, ["type": "array", "items": encoded]],
          "description":
            "The bytes of a JPEG, PNG, GIF, WebP, BMP or TIFF file as base64, or a data: address; several are averaged.",
        ]
      default:
        properties[name] = encoded.overlaid(with: ["description": "The bytes of a sound as base64."])
      }
      ways.append([.string(name)])
    }
    return [
      "type": "object", "properties": .table(properties), "not": ["required": ["instances"]],
      "anyOf": .list(ways.map { ["required": $0] }),
    ]
  }

  private static let strings: Tree = ["type": "array", "items": ["type": "string"]]
  private static let numbers: Tree = ["type": "object", "additionalProperties": ["type": "number"]]
  private static let error: Tree = [
    "type": "object", "required": ["what"], "additionalProperties": false,
    "properties": [
      "what": ["type": "string"], "where": ["type": "string"], "found": strings, "remedy": ["type": "string"],
    ],
  ]

  private static let schemas: Tree = [
    "Status": ["type": "object", "required": ["status"], "properties": ["status": ["type": "string"]]],
    "Error": [
      "type": "object", "required": ["error"], "additionalProperties": false, "properties": ["error": error],
    ],
    "SampleError": [
      "type": "object", "required": ["error"],
      "properties": ["error": error, "id": ["type": "string"], "notes": strings],
    ],
    "Models": [
      "type": "object", "required": ["models"],
      "properties": ["models": ["type": "array", "items": reference("Model")]],
    ],
    "Model": [
      "type": "object", "required": ["name", "digest", "classes", "modalities", "multi_label"],
      "properties": [
        "name": ["type": "string"], "digest": ["type": "string", "pattern": "^[0-9a-f]{64}$"], "classes": strings,
        "multi_label": ["type": "boolean"],
        "modalities": [
          "type": "array",
          "items": [
            "type": "object", "required": ["name", "encoded", "features"],
            "properties": [
              "name": ["type": "string"], "encoded": ["type": "boolean"], "features": ["type": "integer"],
            ],
          ],
        ],
      ],
    ],
    "Prediction": [
      "type": "object", "required": ["labels", "probabilities", "present", "metric", "model"],
      "properties": [
        "id": ["type": "string"], "labels": strings, "probabilities": numbers, "calibrated": numbers,
        "present": strings, "empty": strings, "reliance": numbers, "condition": ["type": "string"],
        "score": ["type": "number"], "metric": ["type": "string"], "calibration": ["type": "object"],
        "model": ["type": "string", "pattern": "^[0-9a-f]{64}$"], "notes": strings,
      ],
    ],
    "Predictions": [
      "type": "object", "required": ["predictions"],
      "properties": [
        "predictions": ["type": "array", "items": ["oneOf": [reference("Prediction"), reference("SampleError")]]],
        "notes": strings,
      ],
    ],
  ]
}
