import Records
import Testing

struct ShellQuotingTests {
  @Test("plain words stay as they are", arguments: ["runs/a-b_1.0", "a=b,c:d@e%f+g", "größe", "模型"])
  func plain(word: String) { #expect(word.shellQuoted == word) }

  @Test("whatever a shell would take apart or replace is quoted")
  func quoted() {
    #expect("my data".shellQuoted == "'my data'")
    #expect("it's".shellQuoted == "'it'\\''s'")
    #expect("my runs/it's; rm".shellQuoted == "'my runs/it'\\''s; rm'")
    #expect("".shellQuoted == "''")
    #expect("~/data".shellQuoted == "'~/data'")
    #expect("$HOME".shellQuoted == "'$HOME'")
    #expect("a*".shellQuoted == "'a*'")
  }
}
