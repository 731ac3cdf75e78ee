#!/usr/bin/env bash
# Builds the library's documentation, the catalogue Sources/Seesaw/Seesaw.docc and all public symbols, into .docs/seesaw.doccarchive.
#
#   scripts/documentation.sh          a warning fails it
#
# To look at it: python3 -m http.server --directory .docs/seesaw.doccarchive, then http://localhost:8000/documentation/seesaw.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

modules="Auditing Balancing Datasets Encoders Evaluation Experiments LanguageModels Multimodal Records Reports SeesawConformance
  SeesawPredict Torch TorchNN"

docc="$(command -v docc || xcrun --find docc 2>/dev/null || true)"
[ -n "$docc" ] || docc="$(dirname "$(readlink -f "$(command -v swift)")")/docc"
[ -x "$docc" ] || { echo "documentation: there is no docc beside swift; it comes with Swift's toolchain" >&2; exit 1; }

echo "documentation: reading the public symbols"
log="$(mktemp)"
graphs="$(mktemp -d)"
trap 'rm -rf "$log" "$graphs"' EXIT
made="$(dirname "$(swift build ${SWIFT_FLAGS:-} --show-bin-path)")/symbolgraph"
rm -rf "$made"
# It fails at targets in C, to which it gives C++'s flags; whether all that is needed is there is seen below.
swift package ${SWIFT_FLAGS:-} dump-symbol-graph --minimum-access-level public --skip-synthesized-members >"$log" 2>&1 || true
for module in $modules; do
  [ -f "$made/$module.symbols.json" ] || {
    grep -E "error|warning" "$log" | head -20 >&2
    echo "documentation: the symbols of $module could not be read" >&2
    exit 1
  }
  cp "$made/$module.symbols.json" "$graphs/"
  # What a module adds to another's types.
  cp "$made/$module@"*.symbols.json "$graphs/" 2>/dev/null || true
done

# Parameters whose names say all have no sentence of their own.
mkdir -p .docs
"$docc" convert Sources/Seesaw/Seesaw.docc --additional-symbol-graph-dir "$graphs" --output-dir .docs/seesaw.doccarchive \
  --fallback-bundle-identifier seesaw --fallback-display-name Seesaw --disable-parameters-and-returns-validation \
  --warnings-as-errors
echo "documentation: .docs/seesaw.doccarchive ($(grep -o '"precise"' "$graphs"/*.json | wc -l | tr -d ' ') symbols)"
