#!/usr/bin/env bash
# Puts OpenVINO's C library and headers, taken from its wheel, into .openvino: what runs ONNX models in `seesaw audit`.
#
#   OPENVINO   a folder with include/ and lib/ to use instead; then nothing is fetched
#   PYTHON     the Python whose pip fetches the wheel (default python3); pip's own settings are honoured
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

version=2026.4.1
home="$PWD/.openvino"
python="${PYTHON:-python3}"

fail() {
  printf 'openvino: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

# The wheel's documentation promises its Python alone, so the header is looked for.
usable() {
  [ -f "$1/include/openvino/c/openvino.h" ] && { [ -e "$1/lib/libopenvino_c.so" ] || [ -e "$1/lib/libopenvino_c.dylib" ]; }
}

if [ -n "${OPENVINO:-}" ] && [ "$OPENVINO" != "$home" ]; then
  usable "$OPENVINO" || fail "OPENVINO names '$OPENVINO', which has no include/openvino/c/openvino.h or no lib/libopenvino_c" \
    "name the folder that holds include/ and lib/, or unset OPENVINO to have it fetched"
  echo "openvino: $OPENVINO (OPENVINO)"
  exit 0
fi
if usable "$home" && [ "$(cat "$home/version" 2>/dev/null)" = "$version" ]; then
  echo "openvino: $version, .openvino (already there)"
  exit 0
fi
"$python" -m pip --version >/dev/null 2>&1 || fail "'$python' has no pip; it fetches the wheel that holds OpenVINO" \
  "install Python 3 with pip, or set OPENVINO to a folder with OpenVINO's include/ and lib/"

new="$PWD/.openvino.tmp.$$"
trap 'rm -rf "$new" "$new.log"' EXIT
trap 'exit 130' INT TERM

echo "openvino: fetching openvino $version with $python -m pip (59 MB)"
"$python" -m pip install --quiet --disable-pip-version-check --no-compile --only-binary=:all: --no-deps --target "$new" \
  "openvino==$version" 2>"$new.log" || {
  tail -n 6 "$new.log" | cut -c1-300 >&2
  fail "pip could not fetch openvino $version for $(uname -s) $(uname -m)" \
    "check the network and pip's settings ($python -m pip config list)," \
    "or set OPENVINO to a folder with OpenVINO's include/ and lib/"
}

# ONNX on the processor is all that is used; the linker looks for the C library under its short name.
mkdir -p "$new/lib"
for file in "$new"/openvino/libs/*; do
  case "$(basename "$file")" in
    libopenvino.* | libopenvino_c.* | libopenvino_onnx_frontend.* | libopenvino_ir_frontend.* | libopenvino_*_cpu_plugin.* | \
      libtbb* | libhwloc*) mv "$file" "$new/lib/" ;;
  esac
done
for file in "$new"/lib/libopenvino_c.so.* "$new"/lib/libopenvino_c.[0-9]*.dylib; do
  [ -f "$file" ] || continue
  ending="${file##*.}"
  [ "$ending" = dylib ] || ending=so
  ln -sf "$(basename "$file")" "$new/lib/libopenvino_c.$ending"
done
mv "$new/openvino/include" "$new/include"
find "$new" -mindepth 1 -maxdepth 1 ! -name include ! -name lib -exec rm -rf {} +
echo "$version" >"$new/version"
usable "$new" || fail "the wheel of openvino $version does not hold what is expected" \
  "set OPENVINO to a folder with OpenVINO's include/ and lib/"
rm -rf "$home"
mv "$new" "$home"
echo "openvino: $version, .openvino ($(du -sh "$home" | cut -f1 | tr -d ' ')); what is built from now on runs ONNX models"
