/// Which commit a build is of.
///
/// `scripts/commit.sh` writes it. It stands in a module of its own, so that another commit builds little anew.
public enum Commit {
  /// As `3f5d6ce`, or `3f5d6ce, changed since` where the sources are not those of the commit; says so where it is not known.
  public static var words: String { commit ?? unknown }

  static let unknown = "built without git"
}
