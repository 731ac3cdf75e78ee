#!/usr/bin/env bash
# Tests of tensors, encoders and hostile input, with the shim, CImage and all Swift code checked while they run: each
# access of memory (AddressSanitizer), each operation that C leaves undefined (UndefinedBehaviorSanitizer), and at the end
# what was never freed (LeakSanitizer).
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

# libtorch is built without annotations of its vectors, which ours would be compared with; and it keeps registries for
# ever, as does Swift's runtime, so that only leaks of our own C and C++ count.
export ASAN_OPTIONS="detect_container_overflow=0:detect_leaks=1:detect_stack_use_after_return=0"
export LSAN_OPTIONS="suppressions=$PWD/scripts/leaks.txt:print_suppressions=0"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"
export SEESAW_PART=sanitize

build=(--scratch-path .build-sanitize --sanitize address -Xswiftc -use-ld=lld)
swift build "${build[@]}" --build-tests
swift test "${build[@]}" --skip-build "$@"
