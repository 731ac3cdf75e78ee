#!/usr/bin/env bash
# Installs into a temporary folder, looks at what is there, and removes it again.
#
#   SEESAW   the command (default .build/release/seesaw, else .build/debug/seesaw)
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

export SEESAW="${SEESAW:-$([ -x .build/release/seesaw ] && echo .build/release/seesaw || echo .build/debug/seesaw)}"
export PREFIX=/opt/seesaw
DESTDIR="$(mktemp -d)"
export DESTDIR
trap 'rm -rf "$DESTDIR"' EXIT
home="$DESTDIR$PREFIX"
fail() { echo "install-test: $1" >&2; exit 1; }

scripts/install.sh
touch "$home/share/foreign"
for file in bin/seesaw share/man/man1/seesaw.1 share/man/man1/seesaw-runs-ls.1 share/seesaw/Recipes/ablation.yaml \
  share/zsh/site-functions/_seesaw share/fish/vendor_completions.d/seesaw.fish; do
  [ -s "$home/$file" ] || fail "$file is not there"
done

# The manual: as many pages as there are commands with help, without a word from mandoc.
if command -v mandoc >/dev/null; then
  said="$(mandoc -T lint -W warning "$home"/share/man/man1/*.1 || true)"
  [ -z "$said" ] || fail "mandoc says: $said"
fi

# bash: what a key would offer.
offered() {
  PATH="$home/bin:$PATH" bash --norc -c '
    source "$0"; shift 0; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
    function="$(complete -p seesaw | sed -E "s/.*-F ([^ ]+).*/\1/")"
    "$function" seesaw "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"; echo "${COMPREPLY[*]}"' \
    "$home/share/bash-completion/completions/seesaw" "$@"
}
[ "$(offered seesaw train my-data --method balg)" = balgrad ] || fail "bash does not complete a method"
[ "$(offered seesaw compare my-data --methods joint,balg)" = joint,balgrad ] || fail "bash does not complete a list"
mkdir -p "$DESTDIR/work/runs/first"
touch "$DESTDIR/work/runs/first/run.json"
[ "$(cd "$DESTDIR/work" && offered seesaw predict ru)" = runs/first ] || fail "bash does not complete a run"

# Recipes are those that were installed, wherever it is called.
(cd "$DESTDIR/work" && ! "$home/bin/seesaw" compare none --recipe nope 2>&1) | grep -q ablation \
  || fail "an installed command does not find its recipes"

scripts/install.sh uninstall
[ "$(find "$home" -type f)" = "$home/share/foreign" ] || fail "what uninstall left: $(find "$home" -type f | head -5)"
echo "install-test: installed, looked at and removed again"
