public import Records

extension MSLR {
  public struct Configuration: Settings {
    public var strategy = Strategy.keep
    public var rates = ""
    public var search = Search()
    public var smooth = Smooth()
    public var dynamic = Dynamic()
    public init() {}

    public struct Search: Settings {
      /// The r of η · r^n.
      public var ratio = 2.0
      /// The n of η · r^n.
      public var reach = 2
      public var epochs = 3
      public init() {}
    }
    public struct Smooth: Settings {
      public var strength = 0.5
      public init() {}
    }
    public struct Dynamic: Settings {
      public var form = DynamicForm.fromInit
      public var window = 5
      public init() {}
    }
  }
  public enum Strategy: String, SettingChoice { case keep, smooth, dynamic }
  public enum DynamicForm: String, SettingChoice {
    case fromInit = "from_init"
    case cumulative
  }

  public static let card = MethodCard(
    name: "mslr", title: "MSLR",
    citation: Citation(
      authors: ["Yiqun Yao", "Rada Mihalcea"],
      title: "Modality-specific Learning Rates for Effective Multimodal Additive Late-fusion", venue: "Findings of ACL",
      year: 2022, url: "https://aclanthology.org/2022.findings-acl.143"),
    stage: .optimization,
    summary: "Trains the branch of each modality at the learning rate that suits it best alone.",
    needs: ["a validation split, unless `rates` are given and kept", "a few epochs of unimodal training beforehand"],
    modalities: .several,
    departures: [
      "The paper's formula for Smooth is not known to us: rates move towards their geometric mean.",
      "The paper has classes: of a regression the search compares squared errors, and there is no `dynamic` strategy.",
      "The paper searches each modality's rate by full unimodal training: here by `search.epochs` epochs for each rate.",
    ],
    settings: settings([
      SettingNote("strategy", "What happens to the rates during training", allowed: Strategy.allowed),
      SettingNote(
        "rates", "Factors on the learning rate by name, such as image=1.4,text=0.7; empty searches for them"),
      SettingNote(
        "search.ratio", "Between one rate that is tried and the next",
        range: SettingRange(minimum: 1, aboveMinimum: true)),
      SettingNote("search.reach", "How many rates are tried above and below", range: .nonNegative),
      SettingNote("search.epochs", "For how long each rate is tried", range: .atLeast(1)),
      SettingNote("smooth.strength", "How far the rates move towards their mean", range: .fraction),
      SettingNote(
        "dynamic.form", "Follow the first rates, or the last", allowed: DynamicForm.allowed),
      SettingNote("dynamic.window", "How many epochs an accuracy is compared with", range: .atLeast(1)),
    ]))

  public static let requirements = MethodRequirements(trainedEncoders: true, validationByDefault: true)
}
