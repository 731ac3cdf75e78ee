#!/usr/bin/env bash
# Puts Arrow's C++ libraries and headers, taken from the pyarrow wheel, into .arrow: what reads and writes Parquet.
#
#   ARROW      a folder with include/ and lib/ to use instead; then nothing is fetched
#   PYTHON     the Python whose pip fetches the wheel (default python3); pip's own settings are honoured
#
#   scripts/arrow.sh --if-quick    for `make setup`: where it cannot be fetched, that is said and no failure
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

version=26.0.1
home="$PWD/.arrow"
python="${PYTHON:-python3}"
optional=""
[ "${1:-}" = --if-quick ] && optional=yes

fail() {
  if [ -n "$optional" ]; then
    printf 'arrow: %s; Parquet and Arrow files will not be read (make arrow adds them)\n' "$1" >&2
    exit 0
  fi
  printf 'arrow: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

usable() {
  [ -f "$1/include/arrow/api.h" ] && [ -f "$1/include/parquet/arrow/reader.h" ] \
    && { [ -e "$1/lib/libparquet.so" ] || [ -e "$1/lib/libparquet.dylib" ]; }
}

if [ -n "${ARROW:-}" ] && [ "$ARROW" != "$home" ]; then
  usable "$ARROW" || fail "ARROW names '$ARROW', which has no include/arrow/api.h or no lib/libparquet" \
    "name the folder that holds include/ and lib/, or unset ARROW to have it fetched"
  echo "arrow: $ARROW (ARROW)"
  exit 0
fi
if usable "$home" && [ -d "$home/licenses" ] && [ "$(cat "$home/version" 2>/dev/null)" = "$version" ]; then
  echo "arrow: $version, .arrow (already there)"
  exit 0
fi

"$python" -m pip --version >/dev/null 2>&1 || fail "'$python' has no pip; it fetches the wheel that holds Arrow" \
  "install Python 3 with pip (Linux: apt-get install python3-pip; macOS: brew install python)," \
  "or set ARROW to a folder with Arrow's include/ and lib/"

new="$PWD/.arrow.tmp.$$"
log="$new.log"
trap 'rm -rf "$new" "$new.old" "$log"' EXIT
trap 'exit 130' INT TERM

# The wheel of the running Python, or any other's, since only its libraries matter.
fetch() {
  local interpreter
  for interpreter in "" 3.12 3.11 3.13 3.10; do
    rm -rf "$new"
    # shellcheck disable=SC2086
    "$python" -m pip install --quiet --disable-pip-version-check --no-compile --only-binary=:all: --no-deps \
      ${optional:+--timeout 15 --retries 1} --target "$new" \
      ${interpreter:+--python-version $interpreter --implementation cp} "pyarrow==$version" 2>>"$log" && return 0
    tail -n 3 "$log" | grep -q 'No matching distribution' || return 1
  done
  return 1
}

echo "arrow: fetching pyarrow $version with $python -m pip (55 MB)"
if ! fetch; then
  [ -n "$optional" ] || tail -n 6 "$log" | cut -c1-300 >&2
  fail "pip could not fetch pyarrow $version for $(uname -s) $(uname -m)" \
    "check the network and pip's settings ($python -m pip config list)," \
    "or set ARROW to a folder with Arrow's include/ and lib/"
fi

# Only the headers and three libraries are used; the linker looks for them under their short names.
mkdir -p "$new/lib"
for library in arrow parquet arrow_s3; do
  for file in "$new"/pyarrow/lib$library.so.* "$new"/pyarrow/lib$library.[0-9]*.dylib; do
    [ -f "$file" ] || continue
    mv "$file" "$new/lib/"
    ending="${file##*.}"
    [ "$ending" = dylib ] || ending=so
    ln -sf "$(basename "$file")" "$new/lib/lib$library.$ending"
  done
done
mv "$new/pyarrow/include" "$new/include"
# For the wheel, which bundles the libraries.
mv "$new"/pyarrow-*.dist-info/licenses "$new/licenses"
find "$new" -mindepth 1 -maxdepth 1 ! -name include ! -name lib ! -name licenses -exec rm -rf {} +
echo "$version" >"$new/version"
usable "$new" || fail "the wheel of pyarrow $version does not hold what is expected" "set ARROW to a folder with Arrow's include/ and lib/"

[ ! -e "$home" ] || mv "$home" "$new.old"
mv "$new" "$home"
echo "arrow: $version, .arrow ($(du -sh "$home" | cut -f1 | tr -d ' ')); what is built from now on reads Parquet"
