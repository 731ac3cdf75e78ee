#!/usr/bin/env bash
# Every method has a file, a line in the registry and a test of its own.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

registry=Sources/Balancing/MethodRegistry.swift
count=0
wrong=0
for file in Sources/Balancing/Methods/*.swift; do
  [ -e "$file" ] || { echo "methods: Sources/Balancing/Methods holds no Swift file" >&2; exit 1; }
  method="$(basename "$file" .swift)"
  count=$((count + 1))
  grep -qE "\b(struct|class|enum|actor) $method\b" "$file" || {
    echo "$file: declares no type '$method'; a file is named after its method" >&2
    wrong=1
  }
  grep -qE "\b$method\b" "$registry" || {
    echo "$file: '$method' is not in $registry; add its line" >&2
    wrong=1
  }
  [ -f "Tests/BalancingTests/Methods/${method}Tests.swift" ] || {
    echo "$file: no Tests/BalancingTests/Methods/${method}Tests.swift; every method ships with its test" >&2
    wrong=1
  }
done
for test in Tests/BalancingTests/Methods/*Tests.swift; do
  method="$(basename "$test" Tests.swift)"
  [ -e "$test" ] && [ ! -f "Sources/Balancing/Methods/$method.swift" ] && {
    echo "$test: tests no method; Sources/Balancing/Methods/$method.swift is not there" >&2
    wrong=1
  }
done
[ "$wrong" -eq 0 ] || exit 1
echo "methods: $count, each registered and tested"
