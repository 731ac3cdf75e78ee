import LanguageModels
import Testing

@Suite struct LabelLikelihoodTests {
  let likelihood = LabelLikelihood(tokens: [[-0.5], [-0.2, -0.6], [-0.1, -0.3, -0.9]], bytes: [4, 6, 15])
  let null = LabelLikelihood(tokens: [[-2], [-0.9], [-1.5]], bytes: [4, 6, 15])

  @Test(
    "each form of a label's likelihood has its scores, and each finds another class here",
    arguments: [
      (LabelScore.sum, [-0.5, -0.8, -1.3], 0), (.mean, [-0.5, -0.4, -0.433333], 1),
      (.byte, [-0.125, -0.133333, -0.086667], 2), (.pmi, [1.5, 0.1, 0.2], 0), (.firstToken, [-0.5, -0.2, -0.1], 2),
    ])
  func forms(form: LabelScore, scores: [Double], predicted: Int) {
    let found = likelihood.scores(form, null: null)
    #expect(near(found, scores))
    #expect(LabelLikelihood.prediction(found) == predicted)
  }

  @Test("probabilities are the softmax of scores")
  func probabilities() {
    #expect(near(LabelLikelihood.probabilities(likelihood.sums), [0.456590, 0.338250, 0.205159]))
    #expect(near(LabelLikelihood.probabilities(likelihood.scores(.mean)), [0.315049, 0.348183, 0.336768]))
    #expect(near(LabelLikelihood.probabilities(likelihood.scores(.pmi, null: null)), [0.658272, 0.162328, 0.179400]))
  }

  @Test("of equal scores the first class is predicted, and the most predicted class has its share")
  func ties() {
    #expect(LabelLikelihood.prediction([-1, 2, 2]) == 1)
    #expect(LabelLikelihood.largestShare([0, 2, 2, 1]) == 0.5)
    #expect(LabelLikelihood.largestShare([]) == 0)
  }

  @Test("the form is chosen by accuracy on samples with labels, and of equal ones the first named")
  func choice() {
    let samples = [(likelihood: likelihood, label: 1), (likelihood: likelihood, label: 1)]
    let found = LabelLikelihood.best(of: [.pmi, .sum, .mean], samples, null: null)
    #expect(found.form == .mean && found.accuracies == [0, 0, 1])
    #expect(LabelLikelihood.best(of: [.pmi, .sum], samples, null: null).form == .pmi)
  }
}
