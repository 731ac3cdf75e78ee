#!/usr/bin/env bash
# Every method and every layout of a published data set has a file, a line in the registry and a test of its own; and no
# source file is longer than 400 lines, no method's longer than 150.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

wrong=0
# check what a-file's-folder a-test's-folder registry files-that-are-none
check() {
  local what=$1 sources=$2 tests=$3 registry=$4 besides=$5 count=0 name
  for file in "$sources"/*.swift; do
    [ -e "$file" ] || { echo "${what}s: $sources holds no Swift file" >&2; exit 1; }
    name="$(basename "$file" .swift)"
    [ "$name" = "$besides" ] && continue
    # Name+Part.swift is a part of Name.swift, such as a method's settings.
    if [[ "$name" == *+* ]]; then
      [ -f "$sources/${name%%+*}.swift" ] || { echo "$file: is a part of no $what; ${name%%+*}.swift is not there" >&2; wrong=1; }
      continue
    fi
    count=$((count + 1))
    grep -qE "\b(struct|class|enum|actor) $name\b" "$file" || {
      echo "$file: declares no type '$name'; a file is named after its $what" >&2
      wrong=1
    }
    grep -qE "\b$name\b" "$registry" || {
      echo "$file: '$name' is not in $registry; add its line" >&2
      wrong=1
    }
    [ -f "$tests/${name}Tests.swift" ] || {
      echo "$file: no $tests/${name}Tests.swift; every $what ships with its test" >&2
      wrong=1
    }
  done
  for file in "$tests"/*Tests.swift; do
    name="$(basename "$file" Tests.swift)"
    [ -e "$file" ] && [ ! -f "$sources/$name.swift" ] && {
      echo "$file: tests no $what; $sources/$name.swift is not there" >&2
      wrong=1
    }
  done
  [ "$wrong" -ne 0 ] || echo "${what}s: $count, each registered and tested"
}

check method Sources/Balancing/Methods Tests/BalancingTests/Methods Sources/Balancing/MethodRegistry.swift ""
check layout Sources/Datasets/Layouts Tests/DatasetsTests/Layouts Sources/Datasets/Layouts/DatasetLayout.swift DatasetLayout

while read -r lines file; do
  [ "$file" = total ] || [ "$lines" -le 400 ] || { echo "$file: $lines lines; at most 400" >&2; wrong=1; }
  [[ "$file" != Sources/Balancing/Methods/* ]] || [ "$lines" -le 150 ] \
    || { echo "$file: $lines lines; a method's file has at most 150" >&2; wrong=1; }
done < <(find Sources -name '*.swift' -print0 | xargs -0 wc -l)
[ "$wrong" -eq 0 ] || exit 1
