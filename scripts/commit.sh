#!/bin/sh
# commit.sh PACKAGE FILE: writes FILE, which says in Swift which commit the package is at; not where it says so already.
package=$1
file=$2
words=
# A copy of the sources in another project's checkout is not at that project's commit.
top=$(git -C "$package" rev-parse --show-toplevel 2>/dev/null) || top=
if [ -n "$top" ] && [ "$(cd "$top" && pwd -P)" = "$(cd "$package" && pwd -P)" ]; then
  words=$(git -C "$package" rev-parse --short=7 HEAD 2>/dev/null) || words=
  if [ -n "$words" ]; then
    GIT_OPTIONAL_LOCKS=0 git -C "$package" diff --quiet HEAD -- Sources Plugins Package.swift 2>/dev/null ||
      words="$words, changed since"
  fi
fi
new="$file.$$"
mkdir -p "$(dirname "$file")"
if [ -n "$words" ]; then
  printf 'let commit: String? = "%s"\n' "$words" >"$new"
else
  printf 'let commit: String? = nil\n' >"$new"
fi
if cmp -s "$new" "$file"; then rm -f "$new"; else mv "$new" "$file"; fi
