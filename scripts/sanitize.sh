#!/usr/bin/env bash
# The corpus, and the tests of what calls C and C++, under AddressSanitizer with LeakSanitizer and, for our C and C++
# (CTorch, CImage), UndefinedBehaviorSanitizer.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/fuzz.sh --corpus

# detect_container_overflow=0: libtorch is built without the sanitizers, so that a vector which it made has no marks at its
# end, and one which it grows keeps its old ones. allocator_may_return_null=1: tests ask for tensors that no memory holds.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:detect_container_overflow=0:allocator_may_return_null=1}"
export LSAN_OPTIONS="${LSAN_OPTIONS:-suppressions=$PWD/scripts/leaks.supp:print_suppressions=0}"
SEESAW_PART=sanitize swift test --scratch-path .build-sanitize --sanitize address -Xswiftc -use-ld=lld
