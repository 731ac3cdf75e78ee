#!/usr/bin/env bash
# Reads what --mlflow writes with MLflow from PyPI: with version 2, and with the newest, which reads folders only where it is told to.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
called=mlflow-test
. scripts/prelude.sh

mkdir -p .mlflow-test
for version in "mlflow-skinny<3" "mlflow-skinny>=3"; do
  folder=".mlflow-test/${version//[^0-9a-z]/-}"
  environment "$folder" "mlflow, numpy, safetensors" "$version" numpy safetensors
  MLFLOW_DISABLE_TELEMETRY=true MLFLOW_ALLOW_FILE_STORE=true "$folder/bin/python" scripts/mlflow-test.py "$seesaw"
done
