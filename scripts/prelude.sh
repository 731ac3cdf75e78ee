# Sourced by scripts that look at reports, from the package's folder, with $called saying which: words, packages, and the command
# as $seesaw ($SEESAW, else .build/release/seesaw, else .build/debug/seesaw).

say() { printf '%s: %s\n' "$called" "$1"; }
fail() {
  printf '%s: %s\n' "$called" "$1" >&2
  exit 1
}

seesaw="${SEESAW:-}"
for candidate in .build/release/seesaw .build/debug/seesaw; do
  [ -n "$seesaw" ] || { [ -x "$candidate" ] && seesaw="$candidate"; } || true
done
[ -x "$seesaw" ] || fail "the command is not built: make build"

# debian WHAT-IS-LACKING PACKAGE…: installs packages of Debian's, or fails where there is no apt-get
debian() {
  local lacking=$1 root=()
  shift
  command -v apt-get >/dev/null || fail "$lacking"
  say "installing $1"
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  ${root[@]+"${root[@]}"} apt-get -qq update
  ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

# environment FOLDER MODULES PIP-ARGUMENT…: a Python in the folder that can import these modules
environment() {
  local folder=$1 modules=$2
  shift 2
  [ -x "$folder/bin/python" ] || "${PYTHON:-python3}" -m venv "$folder"
  "$folder/bin/python" -c "import $modules" 2>/dev/null || {
    say "installing $modules from PyPI"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
  }
}
