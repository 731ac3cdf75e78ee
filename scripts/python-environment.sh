#!/usr/bin/env bash
# Makes the Python environment that reference numbers are computed in (.golden), and says where its interpreter is.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

environment=.golden
if ! cmp -s scripts/reference/requirements.txt "$environment/requirements.txt"; then
  echo "python: making $environment with scripts/reference/requirements.txt" >&2
  rm -rf "$environment"
  "${PYTHON:-python3}" -m venv "$environment"
  pip=("$environment/bin/python" -m pip install --quiet --disable-pip-version-check)
  # The CPU's build of PyTorch where it is to be had: the plain one may bring gigabytes of CUDA along.
  version="$(sed -n 's/^torch==//p' scripts/reference/requirements.txt)"
  "${pip[@]}" "torch==$version+cpu" >/dev/null 2>&1 || true
  "${pip[@]}" -r scripts/reference/requirements.txt >&2
  cp scripts/reference/requirements.txt "$environment/requirements.txt"
fi
echo "$PWD/$environment/bin/python"
