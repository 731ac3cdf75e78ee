#!/usr/bin/env bash
# Puts libtorch (headers and libraries, taken from the PyTorch wheel) into .libtorch/torch.
#
#   LIBTORCH   a folder with include/ and lib/ to use instead; then nothing is fetched
#   TORCH      cpu (default) or cuda: which build to look for first
#   PYTHON     the Python whose pip fetches the wheel (default python3); pip's own settings are honoured
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

version=2.13.0
home="$PWD/.libtorch"
python="${PYTHON:-python3}"

fail() {
  printf 'libtorch: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

# A folder is usable when the headers and the library that we link are both in it.
usable() {
  [ -f "$1/include/ATen/ATen.h" ] && { [ -f "$1/lib/libtorch_cpu.so" ] || [ -f "$1/lib/libtorch_cpu.dylib" ]; }
}

version_in() {
  sed -n "s/^__version__ = '\(.*\)'.*/\1/p" "$1/version.py" 2>/dev/null || true
}

if [ -n "${LIBTORCH:-}" ] && [ "$LIBTORCH" != "$home/torch" ]; then
  usable "$LIBTORCH" || fail "LIBTORCH names '$LIBTORCH', which has no include/ATen/ATen.h or no lib/libtorch_cpu" \
    "name the folder that holds include/ and lib/, or unset LIBTORCH to have it fetched"
  echo "libtorch: $LIBTORCH (LIBTORCH)"
  exit 0
fi

found="$(version_in "$home/torch")"
if usable "$home/torch" && [ "${found%%+*}" = "$version" ]; then
  if [ "${TORCH:-cpu}" != cuda ] || [ -f "$home/torch/lib/libtorch_cuda.so" ]; then
    echo "libtorch: $found, .libtorch/torch (already there)"
    exit 0
  fi
fi

command -v "$python" >/dev/null || fail "'$python' is not installed; its pip fetches the wheel that holds libtorch" \
  "install Python 3 with pip (Linux: apt-get install python3-pip; macOS: brew install python)," \
  "or set LIBTORCH to a libtorch $version that is already there"
"$python" -m pip --version >/dev/null 2>&1 || fail "'$python' has no pip; it fetches the wheel that holds libtorch" \
  "install it (Linux: apt-get install python3-pip; any: $python -m ensurepip)," \
  "or set LIBTORCH to a libtorch $version that is already there"

new="$PWD/.libtorch.tmp.$$"
log="$new.log"
trap 'rm -rf "$new" "$new.old" "$log"' EXIT
trap 'exit 130' INT TERM

# fetch REQUIREMENT FLAG…: with the running Python's wheel, or any other's, since only its libraries matter.
fetch() {
  local requirement="$1"
  shift
  local quiet=(--quiet)
  [ -t 1 ] && quiet=()
  for interpreter in "" 3.12 3.11 3.13 3.10; do
    rm -rf "$new"
    # shellcheck disable=SC2086
    "$python" -m pip install ${quiet[@]+"${quiet[@]}"} --disable-pip-version-check --no-compile --only-binary=:all: \
      --target "$new" ${interpreter:+--python-version $interpreter --implementation cp} "$@" "$requirement" \
      2>>"$log" && return 0
    # Another interpreter's wheel helps only if this one's was not there.
    tail -n 3 "$log" | grep -q 'No matching distribution' || return 1
  done
  return 1
}

fetch_cpu() {
  [ "$(uname -s)" = Linux ] && fetch "torch==$version+cpu" --no-deps && return 0
  [ "$(uname -s)" = Darwin ] && fetch "torch==$version" --no-deps
}

# The plain wheel may be a CUDA build: its libraries look for nvidia/… beside torch/. "===" lets no index put a build for
# processors, whose version counts as later, in its place.
fetch_any() {
  echo "libtorch: the plain wheel, with what it depends on (up to a few gigabytes)"
  fetch "torch===$version"
}

echo "libtorch: fetching PyTorch $version with $python -m pip"
if [ "${TORCH:-cpu}" = cuda ]; then
  fetch_any || fetch_cpu || status=$?
else
  fetch_cpu || fetch_any || status=$?
fi
if [ "${status:-0}" -ne 0 ] || ! usable "$new/torch"; then
  tail -n 6 "$log" | cut -c1-300 >&2
  fail "pip could not fetch torch $version for $(uname -s) $(uname -m)" \
    "check the network and pip's settings ($python -m pip config list)," \
    "or set LIBTORCH to a libtorch $version that is already there"
fi

# Only headers, libraries and the version are used.
find "$new" -mindepth 1 -maxdepth 1 ! -name torch ! -name nvidia ! -name torch.libs -exec rm -rf {} +
find "$new/torch" -mindepth 1 -maxdepth 1 ! -name lib ! -name include ! -name version.py -exec rm -rf {} +

[ ! -e "$home" ] || mv "$home" "$new.old"
mv "$new" "$home"
echo "libtorch: $(version_in "$home/torch"), .libtorch/torch ($(du -sh "$home" | cut -f1 | tr -d ' '))"
