#!/usr/bin/env bash
# Searches for inputs that crash, hang or exhaust a parser: libFuzzer with AddressSanitizer, from Fuzz/Corpus.
#
#   scripts/fuzz.sh TARGET [MINUTES]     TARGET: a folder of Fuzz/Corpus
#
# What it learns is kept in .build-fuzz/corpus/TARGET; what it finds in .build-fuzz/found/TARGET. A finding becomes a file
# of Fuzz/Corpus/TARGET with the mend, so that every `make test` feeds it again.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

target="${1:-}"
minutes="${2:-10}"
if [ ! -d "Fuzz/Corpus/$target" ] || [ -z "$target" ]; then
  echo "fuzz: '$target' is not one of $(ls Fuzz/Corpus | tr '\n' ' ')" >&2
  exit 64
fi

work=.build-fuzz
fuzzer="$work/release/Fuzz"
if [ -z "${SEESAW_FUZZ_BUILT:-}" ]; then
  SEESAW_PART=fuzz swift build -c release --scratch-path "$work" --sanitize fuzzer --sanitize address \
    -Xswiftc -use-ld=lld --product Fuzz
fi

mkdir -p "$work/corpus/$target" "$work/found/$target" "$work/log"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
# One thread: what is searched is the parsers, not libtorch.
set +e
SEESAW_FUZZ_TARGET="$target" TMPDIR="$scratch" OMP_NUM_THREADS=1 \
  ASAN_OPTIONS="${ASAN_OPTIONS:-symbolize=0:detect_leaks=0:detect_container_overflow=0:allocator_may_return_null=1}" \
  "$fuzzer" -max_total_time=$((minutes * 60)) -timeout=20 -rss_limit_mb=2560 -max_len=16384 -use_value_profile=0 \
  -artifact_prefix="$work/found/$target/" -print_final_stats=1 \
  "$work/corpus/$target" "Fuzz/Corpus/$target" >"$work/log/$target" 2>&1 </dev/null
status=$?
set -e
grep -E "INITED|DONE|ERROR|SUMMARY|deadly|not foreseen|Fatal error|written to" "$work/log/$target" | cut -c1-400 || true
grep -E "number_of_executed|average_exec|peak_rss" "$work/log/$target" || tail -n 5 "$work/log/$target"
exit "$status"
