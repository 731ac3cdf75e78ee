import Records
import Reports
import Testing

struct MethodPagesTests {
  let card = MethodCard(
    name: "m-1", title: "M|1",
    citation: Citation(
      authors: ["Ada Lee", "B C", "D E"], title: "On M_1", venue: "ICML", year: 2024, url: "https://example.org/m"),
    stage: .feedForward, summary: "Drops *features*.", needs: ["a validation split"], modalities: .several,
    departures: ["The printed constant is too small; 0.3 is used."],
    settings: [
      SettingDescription("ramp.form", "How it grows.", default: "linear", allowed: ["linear", "constant"]),
      SettingDescription("alpha", "How strongly.", default: 0.1, range: .positive),
      SettingDescription("on", "Whether at all.", default: true),
    ])
  let plain = MethodCard(name: "joint", title: "Joint training", stage: .baseline, summary: "One loss.")

  @Test("the list has a row for each card, in order")
  func list() {
    #expect(
      MethodPages.list([plain, card]).hasSuffix(
        """
        | method | title | stage | published | what it does |
        | :-- | :-- | :-- | :-- | :-- |
        | [`joint`](joint.md) | Joint training | baseline | – | One loss. |
        | [`m-1`](m-1.md) | M\\|1 | feed-forward | [Lee et al., ICML 2024](https://example.org/m) | \
        Drops \\*features\\*. |

        """))
  }

  @Test("a page tells everything on the card")
  func page() {
    #expect(
      MethodPages.page(card) == """
        # M\\|1

        Drops \\*features\\*.

        - Name: `m-1`
        - Stage: feed-forward
        - Modalities: two or more
        - Predicts: classes and numbers (regression)
        - Needs: a validation split
        - Processes: one or several

        ## Paper

        Ada Lee, B C, D E: On M\\_1. ICML, 2024. <https://example.org/m>

        ## Settings

        | setting | default | may be | what it does |
        | :-- | :-- | :-- | :-- |
        | `ramp.form` | `"linear"` | `linear`, `constant` | How it grows. |
        | `alpha` | `0.1` | above 0 | How strongly. |
        | `on` | `true` |  | Whether at all. |

        Set one with `--set ramp.form=…`.

        ## Where it departs from the paper

        - The printed constant is too small; 0.3 is used.

        """)
  }

  @Test("a page says nothing of what a card does not have")
  func plainPage() {
    #expect(
      MethodPages.page(plain) == """
        # Joint training

        One loss.

        - Name: `joint`
        - Stage: baseline
        - Modalities: any number
        - Predicts: classes and numbers (regression)
        - Processes: one or several

        """)
  }

  @Test("a page says why several processes cannot train its method")
  func oneProcess() {
    var card = plain
    card.oneProcess = "it draws a batch of its own"
    #expect(MethodPages.page(card).contains("\n- Processes: one, as it draws a batch of its own\n"))
  }

  @Test("pages are named after their methods")
  func pages() { #expect(MethodPages.pages([plain, card]).keys.sorted() == ["README.md", "joint.md", "m-1.md"]) }

  @Test("every stage has its words")
  func stages() {
    #expect(Stage.allCases.map(\.words) == ["baseline", "data input", "feed-forward", "objective", "optimization"])
  }
}
