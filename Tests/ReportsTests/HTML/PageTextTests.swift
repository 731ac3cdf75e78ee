import Foundation
import Records
import Testing

@testable import Reports

@Suite("Text that data put on a page")
struct PageTextTests {
  @Test("what would turn, hide or end the text around it is replaced, and nothing else")
  func cleaning() {
    #expect(
      PageText.clean("a\u{202E}b\u{2066}c\u{0}d\u{1B}e\u{FEFF}f\u{FFFF}")
        == "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}e\u{FFFD}f\u{FFFD}")
    #expect(PageText.clean("one\ttwo\r\nthree\u{2028}four") == "one two \nthree\nfour")
    let plain = "Ärzte, 猫, مرحبا, 👨‍👩‍👧 & <b>"
    #expect(PageText.clean(plain) == plain)
  }

  @Test("signs of HTML lose their meaning")
  func escaping() {
    #expect(
      PageText.escaped("</script><img src=x onerror='a()'>\"&")
        == "&lt;/script&gt;&lt;img src=x onerror=&#39;a()&#39;&gt;&quot;&amp;")
  }

  @Test("a label for Plotly has no tags, no entities of its own, one line, and an end")
  func labels() {
    #expect(PageText.label("<b>a</b>\nb &lt;") == "&lt;b&gt;a&lt;/b&gt; b &amp;lt;")
    #expect(PageText.label(String(repeating: "x", count: 300)).count == 200)
  }

  @Test("JSON in a page cannot end its script element, and says the same")
  func json() throws {
    let hostile = ["</script><script>alert(1)</script>", "<!--", "a\u{2028}b\u{2029}c", "\"\\", "]]>"]
    let text = try PageText.json(hostile)
    for sign in ["<", ">", "&", "\u{2028}", "\u{2029}"] { #expect(!text.contains(sign), "\(sign)") }
    #expect(try JSONDecoder().decode([String].self, from: Data(text.utf8)) == hostile)
  }

  @Test("numbers are drawn with four digits")
  func digits() {
    #expect(PageText.drawn(0.123456) == 0.1235)
    #expect(PageText.drawn(-123456) == -123500)
    #expect(PageText.drawn(0) == 0)
    #expect(PageText.drawn(.nan).isNaN)
    #expect(PageText.drawn(.leastNonzeroMagnitude).isFinite)
  }

  @Test("a difference has its sign, and nothing has none")
  func signs() {
    #expect(PageText.signed("1.2") == "+1.2")
    #expect(PageText.signed("-1.2") == "−1.2")
    #expect(PageText.signed("0.0") == "0.0")
  }

  @Test("a sentence is set with minus signs that are some, and no number is parted from its per cent sign")
  func typeset() {
    #expect(
      PageText.typeset("from 83.9 % by -0.5 to 3.9 (-2), with --alone, p-1 and a 0-shot run")
        == "from 83.9\u{A0}% by −0.5 to 3.9 (−2), with --alone, p-1 and a 0-shot run")
    #expect(PageText.typeset("-1.0") == "−1.0" && PageText.typeset("").isEmpty && PageText.typeset("a -") == "a -")
  }
}
