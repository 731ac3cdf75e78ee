#!/usr/bin/env bash
# Computes the numbers in Tests/Golden again, in a Python environment of its own (.golden).
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

environment=.golden
if ! cmp -s scripts/reference/requirements.txt "$environment/requirements.txt"; then
  echo "golden: making $environment with scripts/reference/requirements.txt"
  rm -rf "$environment"
  "${PYTHON:-python3}" -m venv "$environment"
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r scripts/reference/requirements.txt
  cp scripts/reference/requirements.txt "$environment/requirements.txt"
fi
cd scripts
for name in balgrad optimizers losses scores statistics numpy_fixtures ogm agm mmpareto pcgrad cml mbsd mmcosine tensorboard_reader; do
  "../$environment/bin/python" -B -m "reference.$name"
done
