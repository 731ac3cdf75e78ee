#!/usr/bin/env bash
# Installs the command, completion for bash, zsh and fish, the manual, recipes and the demo's data; or removes them again.
#
#   install.sh            into $DESTDIR$PREFIX (default /usr/local); makes the manual and the completions of the command
#   install.sh uninstall  removes what that put there, and nothing else
#
#   SEESAW   the command (default .build/release/seesaw)
#   PREFIX   where bin and share are; DESTDIR is put before it, as packagers want it
#
# The command finds libtorch where it found it when it was built: in LIBTORCH, else in .libtorch of this folder.
set -euo pipefail
umask 022
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

program="${SEESAW:-.build/release/seesaw}"
prefix="${PREFIX:-/usr/local}"
target="${DESTDIR:-}$prefix"
list="$target/share/seesaw/installed"

case "$target" in
  /*) ;;
  *)
    echo "install: the place is '$target'; PREFIX, and DESTDIR where there is one, must begin with /" >&2
    exit 1
    ;;
esac

# A line of the list is a path below the prefix; anything else was not written by this script.
installed() { grep -vE '^/|(^|/)\.\.(/|$)|^$' "$list"; }
remove() { (cd "$target" && installed | tr '\n' '\0' | xargs -0 rm -f); }

if [ "${1:-}" = uninstall ]; then
  [ -f "$list" ] || { echo "uninstall: nothing is installed in $target (no ${list#"${DESTDIR:-}"})" >&2; exit 1; }
  count="$(installed | wc -l | tr -d ' ')"
  remove
  rm -f "$list"
  find "$target/share/seesaw" -depth -type d -empty -delete
  echo "uninstall: $count files removed from $target"
  exit 0
fi

[ -x "$program" ] || { echo "install: there is no command at $program; 'make build' makes it" >&2; exit 1; }

made="$(mktemp -d)"
trap 'rm -rf "$made"' EXIT
mkdir -p "$made"/share/bash-completion/completions "$made"/share/zsh/site-functions "$made"/share/fish/vendor_completions.d
"$program" --generate-completion-script bash >"$made/share/bash-completion/completions/seesaw"
"$program" --generate-completion-script zsh >"$made/share/zsh/site-functions/_seesaw"
"$program" --generate-completion-script fish >"$made/share/fish/vendor_completions.d/seesaw.fish"
"${PYTHON:-python3}" scripts/man-pages.py "$program" "$made/share/man/man1" >/dev/null
mkdir -p "$made/share/seesaw"
cp -R Recipes "$made/share/seesaw/Recipes"
mkdir "$made/share/seesaw/Data"
cp -R Data/emoji "$made/share/seesaw/Data/emoji"
if [ -f .plotly/plotly.min.js ]; then
  mkdir "$made/share/seesaw/.plotly"
  cp .plotly/plotly.min.js .plotly/LICENSE.txt "$made/share/seesaw/.plotly/"
fi
(cd "$made" && find . -type f | sed 's|^\./||' | sort) >"$made.list"
trap 'rm -rf "$made" "$made.list"' EXIT

# What an earlier version put there and this one does not would stay for ever.
[ ! -f "$list" ] || remove
install -d "$target/bin"
install -m 755 "$program" "$target/bin/seesaw"
printf 'bin/seesaw\n' >>"$made.list"
server="$(dirname "$program")/seesaw-serve"
if [ -x "$server" ]; then
  install -m 755 "$server" "$target/bin/seesaw-serve"
  printf 'bin/seesaw-serve\n' >>"$made.list"
fi
cp -R "$made/share" "$target/"
install -m 644 "$made.list" "$list"
echo "install: $(wc -l <"$made.list" | tr -d ' ') files in $target; 'make uninstall' removes them"
