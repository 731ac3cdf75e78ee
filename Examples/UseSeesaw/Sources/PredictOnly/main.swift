import Foundation
import SeesawPredict

// Predicts from a picture in memory and a text; nothing that trains or reports is linked.
let arguments = CommandLine.arguments
guard arguments.count == 4 else {
  print("usage: PredictOnly RUN-FOLDER PICTURE TEXT")
  exit(64)
}
do {
  let predictor = try Predictor(run: URL(filePath: arguments[1]))
  let picture = try Data(contentsOf: URL(filePath: arguments[2]))
  let prediction = try predictor.predict([PredictionInput(images: [picture], text: arguments[3])])[0]
  print("\(prediction.labels.joined(separator: ", ")), given \(prediction.present.joined(separator: " and "))")
} catch {
  print(Diagnosis(describing: error))
  exit(1)
}
