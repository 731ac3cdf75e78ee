import Foundation
import Seesaw

/// Encodes a folder of images and texts, trains BalGrad on it, and predicts a text without its image.
@main
struct UseSeesaw {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 3 else {
      print("usage: UseSeesaw RAW-FOLDER OUT-FOLDER")
      return
    }
    let out = URL(filePath: arguments[2])

    let features = out.appending(path: "features")
    _ = try Experiment.encode(EncodeRequest(raw: URL(filePath: arguments[1]), out: features))

    var request = TrainRequest(data: features)
    request.method = "balgrad"
    request.settings = ["training.epochs=5"]
    request.out = out.appending(path: "run")
    _ = try Experiment.train(request)

    let predictor = try Predictor(run: out.appending(path: "run"))
    let prediction = try predictor.predict([PredictionInput(text: "grinning cat")])[0]
    print("\(prediction.labels.joined(separator: ", ")), given \(prediction.present.joined(separator: " and "))")
  }
}
