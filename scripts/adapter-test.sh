#!/usr/bin/env bash
# Reads adapters of 'seesaw mllm train' with PEFT and transformers from PyPI, and PEFT's own with the command.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
called=adapter-test
. scripts/prelude.sh

environment .adapter-test "peft, transformers, tokenizers, torch, PIL" peft==0.21.2 \
  "transformers==$(sed -n 's/^transformers==//p' scripts/reference/requirements.txt)" pillow \
  "torch==$(sed -n 's/^version=//p' scripts/libtorch.sh)+cpu"
.adapter-test/bin/python scripts/adapter-test.py "$seesaw"
