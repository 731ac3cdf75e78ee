#!/usr/bin/env bash
# Computes the numbers in Tests/Golden again, in a Python environment of its own (.golden).
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

python="$(scripts/python-environment.sh)"
cd scripts
for name in subwords language_tokenizers tokenizer_files pictures encoders efficientnet balgrad optimizers losses scores statistics numpy_fixtures ogm agm mmpareto pcgrad cml mbsd \
  mmcosine fulcrum tcmax dgl midas mcr g2d aug remix cggm masam iprm crmt focal regression pretrained logistic mixture spectrogram tensorboard_reader trained torchscript tables predictions sounds hdf5 mllm; do
  "$python" -B -m "reference.$name"
done
