#!/usr/bin/env bash
# Exports models of the demo's kind and runs them in ONNX Runtime and PyTorch from PyPI, against what the command predicts.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
called=export-test
. scripts/prelude.sh

environment .export-test "onnx, onnxruntime, torch, numpy, safetensors" onnx onnxruntime numpy safetensors \
  "torch==$(sed -n 's/^version=//p' scripts/libtorch.sh)+cpu"
.export-test/bin/python scripts/export-test.py "$seesaw" ${1:+"$1"}
