#!/usr/bin/env bash
# Searches for inputs that crash, hang or exhaust a parser: libFuzzer with AddressSanitizer, from Fuzz/Corpus.
#
#   scripts/fuzz.sh TARGET [MINUTES]     TARGET: a folder of Fuzz/Corpus
#   scripts/fuzz.sh --corpus             only what is in Fuzz/Corpus, each file once
#
# What it learns is kept in .build-fuzz/corpus/TARGET; what it finds in .build-fuzz/found/TARGET. A finding becomes a file
# of Fuzz/Corpus/TARGET with the mend, so that every `make test` feeds it again.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

target="${1:-}"
minutes="${2:-10}"
if [ "$target" != --corpus ] && { [ -z "$target" ] || [ ! -d "Fuzz/Corpus/$target" ]; }; then
  echo "fuzz: '$target' is not one of $(ls Fuzz/Corpus | tr '\n' ' ')" >&2
  exit 64
fi

work=.build-fuzz
# SwiftPM names the two in an order of chance, and Swift measures no coverage where address comes last: so they are named
# once more. One order spares a build of everything anew.
SEESAW_PART=fuzz SWIFT_DETERMINISTIC_HASHING=1 swift build -c release --scratch-path "$work" --sanitize fuzzer \
  --sanitize address -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld --product Fuzz
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

# One thread: what is searched is the parsers, not libtorch, whose vectors besides are built without ASan's marks.
fuzz() {
  local name="$1"
  shift
  mkdir -p "$work/found/$name" "$work/corpus/$name"
  # Folders of several files are longer.
  local longest=16384
  case "$name" in checkpoint | report) longest=131072 ;; esac
  # Leaks are looked for at the end, which a search without a finding has seldom and slowly.
  local leaks=0
  [ "$target" = --corpus ] && leaks=1
  SEESAW_FUZZ_TARGET="$name" TMPDIR="$scratch" OMP_NUM_THREADS=1 \
    LSAN_OPTIONS="suppressions=$PWD/scripts/leaks.supp:print_suppressions=0" \
    ASAN_OPTIONS="${ASAN_OPTIONS:-symbolize=0:detect_leaks=$leaks:detect_container_overflow=0:allocator_may_return_null=1}" \
    "$work/release/Fuzz" -timeout=60 -rss_limit_mb=2560 -max_len="$longest" -artifact_prefix="$work/found/$name/" "$@" \
    >"$work/$name.log" 2>&1 </dev/null && return
  grep -E "not foreseen|Fatal error|ERROR|written to" "$work/$name.log" | cut -c1-400 >&2
  return 1
}

# Without coverage a search is blind, and finds nothing.
coverage="$(SEESAW_FUZZ_TARGET=csv TMPDIR="$scratch" ASAN_OPTIONS=detect_leaks=0:detect_container_overflow=0 \
  OMP_NUM_THREADS=1 "$work/release/Fuzz" -runs=0 Fuzz/Corpus/csv 2>&1 || true)"
grep -qE "INITED cov: [0-9]{3,}" <<<"$coverage" || {
  echo "fuzz: the build measures no coverage" >&2
  exit 70
}

if [ "$target" = --corpus ]; then
  status=0
  for folder in Fuzz/Corpus/*; do
    name="$(basename "$folder")"
    if fuzz "$name" "$folder"/*; then
      echo "$name: $(find "$folder" -type f | wc -l) files, each read or refused"
    else
      status=1
    fi
  done
  exit "$status"
fi

fuzz "$target" -max_total_time=$((minutes * 60)) -print_final_stats=1 "$work/corpus/$target" "Fuzz/Corpus/$target" || found=1
grep -E "DONE|cov: " "$work/$target.log" | tail -n 1
grep -E "number_of_executed|peak_rss" "$work/$target.log" || true
exit "${found:-0}"
