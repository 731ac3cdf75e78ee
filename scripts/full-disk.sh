#!/usr/bin/env bash
# Fills small disks (tmpfs) under training, comparing, encoding and importing, at every size up to what they need: each
# stops with a sentence, nothing half-written looks whole, and with space again the same command ends as if nothing had
# happened. Linux, as root.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
seesaw="$(realpath "${SEESAW:-.build/release/seesaw}")"
[ "$(uname -s)" = Linux ] && [ "$(id -u)" -eq 0 ] || { echo "full-disk: needs Linux and root" >&2; exit 64; }

work="$(mktemp -d)"
disk="$work/disk"
trap 'umount "$disk" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$disk"
export OMP_NUM_THREADS=1
# A few samples of each split and of two classes.
mkdir "$work/raw"
cp -r Data/emoji/images "$work/raw/"
awk -F, 'NR == 1 { print; next } { key = $NF " " (/Smileys/ ? 1 : /Food/ ? 2 : 0) } !/Smileys|Food/ { next }
  count[key]++ < 12' Data/emoji/samples.csv >"$work/raw/samples.csv"
"$seesaw" encode "$work/raw" --out "$work/data" --quiet
python="${PYTHON:-python3}"

# What must be the same in every run, in one digest: no times.
essence() {
  "$python" - "$1" <<'PYTHON'
import hashlib, json, pathlib, sys
def timeless(v):
    if isinstance(v, dict): return {k: timeless(x) for k, x in v.items() if k not in ("started", "ended", "seconds")}
    return [timeless(x) for x in v] if isinstance(v, list) else v
root, digest = pathlib.Path(sys.argv[1]), hashlib.sha256()
for path in sorted(p for p in root.rglob("*") if p.is_file()):
    # A page is made of the records and names times; what is left half-written there counts.
    if path.relative_to(root).parts[0] == "report" and not path.name.startswith("."): continue
    data = path.read_bytes()
    if path.suffix in (".json", ".jsonl"):
        rows = [data] if path.suffix == ".json" else data.splitlines()
        data = json.dumps([timeless(json.loads(r)) for r in rows], sort_keys=True).encode()
    digest.update(str(path.relative_to(root)).encode() + b"\0" + data)
print(digest.hexdigest())
PYTHON
}

stops=0
try() { # TITLE, then the command with DISK for where it works
  local title="$1" size status refused=0
  shift
  local free=()
  mount -t tmpfs -o size=512m tmpfs "$disk"
  "$seesaw" "${@//DISK/$disk/out}" --quiet >/dev/null
  local wanted needed
  wanted="$(essence "$disk/out")"
  needed="$(du -sk "$disk" | cut -f1)"
  umount "$disk"
  for share in 0 1 2 4 8 16 24 32 40 48 56 64 72 80 88 96 104; do
    size=$((needed * share / 100 + 4))
    mount -t tmpfs -o "size=${size}k" tmpfs "$disk"
    status=0
    "$seesaw" "${@//DISK/$disk/out}" --quiet >/dev/null 2>"$work/error" || status=$?
    if [ "$status" -ne 0 ]; then
      refused=$((refused + 1))
      { [ "$status" -eq 1 ] && grep -q "error: the disk is full" "$work/error"; } || {
        echo "$title on ${size} kB ended with $status:" >&2
        cat "$work/error" >&2
        exit 1
      }
    fi
    mount -o remount,size=512m "$disk"
    "$seesaw" "${@//DISK/$disk/out}" --quiet >/dev/null
    [ "$(essence "$disk/out")" = "$wanted" ] || { echo "$title on ${size} kB ended otherwise" >&2; exit 1; }
    umount "$disk"
  done
  echo "$title: stopped by a full disk $refused times, and ended as it would have"
  stops=$((stops + refused))
}

quick=(--set training.epochs=3 --set training.checkpoint_seconds=0)
try train train "$work/data" --method umt --out DISK "${quick[@]}"
try compare compare "$work/data" --methods joint,balgrad --seeds 1 --out DISK "${quick[@]}"
try "compare with two jobs" compare "$work/data" --methods joint,balgrad --seeds 1 --jobs 2 --out DISK "${quick[@]}"
try encode encode "$work/raw" --out DISK
try import import "$work/data/train.safetensors" --modalities image,text --name emoji --out DISK

# A disk that takes nothing at all.
mount -t tmpfs -o size=16m,ro tmpfs "$disk"
for command in "train $work/data" "compare $work/data --methods joint" "encode $work/raw" \
  "import $work/data/train.safetensors --modalities image,text"; do
  status=0
  # shellcheck disable=SC2086
  "$seesaw" $command --out "$disk/out" --quiet >/dev/null 2>"$work/error" || status=$?
  { [ "$status" -eq 66 ] && grep -q "error: the disk is read-only" "$work/error"; } || {
    echo "$command on a read-only disk ended with $status:" >&2
    cat "$work/error" >&2
    exit 1
  }
done
umount "$disk"
echo "full disks: $stops stops, each gone on from; a read-only disk is said"
