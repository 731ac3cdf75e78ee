#!/usr/bin/env bash
# Runs the recipes of Documentation/clusters.md as they stand there, with four shares in place of forty: make, GNU parallel,
# Snakemake and torchrun. The table of each must be that of one process in every number but the seconds. The recipes for
# schedulers that are not here are checked for syntax. Then processes that take shards of an encoding by turns, some of them
# killed, must leave the features of one process, bit for bit.
#
#   SEESAW   the command (default .build/release/seesaw, else .build/debug/seesaw)
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

called="recipes test"
source scripts/prelude.sh

command -v parallel >/dev/null || debian "there is no GNU parallel" parallel
work="$PWD/.recipes-test"
mkdir -p "$work/bin"
environment "$work/venv" "snakemake, yaml" snakemake pyyaml
torch="$(dirname "$(scripts/python-environment.sh)")"
ln -sf "$(realpath "$seesaw")" "$work/bin/seesaw"
# GNU parallel asks for a citation otherwise.
mkdir -p "$HOME/.parallel" && touch "$HOME/.parallel/will-cite"
export PATH="$work/bin:$PATH" OMP_NUM_THREADS=1

rm -rf "$work/runs" && mkdir -p "$work/runs"
seesaw encode Data/emoji --out "$work/runs/my-data" --image-encoder hog-colour --text-encoder hashed-ngrams --quiet
export C="seesaw compare $work/runs/my-data --methods joint,uniform --seeds 2 --set training.epochs=2 --no-specialists --quiet --out big"

# recipe HEADING N: the Nth block of code below a heading, with four shares
recipe() {
  "$work/venv/bin/python" - "$1" "${2:-1}" <<'PYTHON'
import re, sys
text = open("Documentation/clusters.md").read()
section = re.search(rf"^## {re.escape(sys.argv[1])}$(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)
block = re.findall(r"^```\w*\n(.*?)^```", section, re.M | re.S)[int(sys.argv[2]) - 1]
print(re.sub(r"\b41\b", "5", re.sub(r"\b40\b", "4", block)), end="")
PYTHON
}
# same NAME: the table that a recipe left is that of one process
same() {
  "$work/venv/bin/python" - "$work/runs/one/big/results.json" "$work/runs/$1/big/results.json" <<'PYTHON'
import json, sys
def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if "seconds" not in k.lower() and k != "notes"}
    return [plain(v) for v in value] if isinstance(value, list) else value
one, other = (plain(json.load(open(path))) for path in sys.argv[1:])
assert one == other, f"{sys.argv[2]} differs from the table of one process"
PYTHON
  say "$1: the table of one process"
}
# at NAME: a new folder to work in
at() { mkdir -p "$work/runs/$1" && cd "$work/runs/$1"; }

(at one && $C >/dev/null) || fail "one process made no table"
recipe "make, GNU parallel" 1 >"$work/runs/lines.sh"
(at parallel && bash -e ../lines.sh >/dev/null) || fail "GNU parallel"
same parallel
recipe "make, GNU parallel" 2 >"$work/runs/Makefile"
(at make && make --silent -j 2 -f ../Makefile C="$C" >/dev/null) || fail "make"
same make
recipe Snakemake >"$work/runs/Snakefile"
(at snakemake && "$work/venv/bin/snakemake" --quiet all --cores 2 -s ../Snakefile --config "command=$C" >log 2>&1) ||
  fail "Snakemake: $(tail -20 "$work/runs/snakemake/log")"
same snakemake
recipe torchrun >"$work/runs/torchrun.sh"
(at torchrun && PATH="$torch:$PATH" bash -e ../torchrun.sh >log 2>&1) ||
  fail "torchrun: $(tail -20 "$work/runs/torchrun/log")"
same torchrun

recipe Slurm >"$work/runs/slurm.sh" && bash -n "$work/runs/slurm.sh"
recipe Ray >"$work/runs/ray.py" && "$work/venv/bin/python" -m py_compile "$work/runs/ray.py"
for name in Kubernetes SkyPilot; do
  recipe "$name" >"$work/runs/$name.yaml"
  "$work/venv/bin/python" -c 'import sys, yaml; assert isinstance(yaml.safe_load(open(sys.argv[1])), dict)' "$work/runs/$name.yaml"
done
say "Slurm, Ray, Kubernetes, SkyPilot: read without an error"

# Shards by turns.
cd "$work/runs"
data="$OLDPWD/Data/emoji"
own=(--image-encoder hog-colour --text-encoder hashed-ngrams --quiet --name emoji)
seesaw encode "$data" --out whole "${own[@]}"
claim() { exec seesaw encode "$data" --out shards --shard next --of "${SHARDS:-200}" "${own[@]}" >/dev/null; }
pids=()
for _ in 1 2 3 4; do claim & pids+=($!); done
# At work, and not yet done.
for _ in $(seq 600); do
  [ "$(find shards.cache/shards -name '*.json' 2>/dev/null | wc -l)" -lt 20 ] || break
  sleep 0.1
done
kill -KILL "${pids[0]}" "${pids[1]}" 2>/dev/null || true
wait "${pids[2]}" "${pids[3]}"
wait "${pids[0]}" "${pids[1]}" 2>/dev/null || true
say "killed: $(find shards.cache/shards -path '*claims*' -name '*.1' | wc -l) claims left behind"
# What the killed ones had is given up after four minutes; here their claims are made old.
find shards.cache/shards -path '*claims*' -type f -exec touch -d '1 hour ago' {} +
(claim)
seesaw encode "$data" --out shards --status
seesaw encode "$data" --out shards --join --copy "${own[@]}"
for file in whole/*.safetensors; do cmp "$file" "shards/$(basename "$file")"; done
say "shards by turns, two of four processes killed: the features of one process, bit for bit"

# Two hosts that share a folder and nothing else: no network, names and process numbers of their own.
hosts=(unshare --net --uts --pid --fork)
if "${hosts[@]}" true 2>/dev/null; then
  on() { "${hosts[@]}" bash -c 'hostname "$0" && exec "$@" >/dev/null' "$@"; }
  on argo seesaw encode "$data" --out hosts --shard next --of 40 --wait "${own[@]}" & first=$!
  on bark seesaw encode "$data" --out hosts --shard next --of 40 --wait "${own[@]}" & second=$!
  wait "$first" && wait "$second" || fail "two hosts: a process failed"
  seesaw encode "$data" --out hosts --join --copy "${own[@]}"
  for file in whole/*.safetensors; do cmp "$file" "hosts/$(basename "$file")"; done
  mkdir -p two && cd two
  on argo $C --only 1/2 & first=$!
  on bark $C --only 2/2 & second=$!
  wait "$first" && wait "$second" || fail "two hosts: a share of the comparison failed"
  $C --join >/dev/null
  same two
  say "two hosts without a network, one folder: features and table of one process"
else
  say "two hosts: left out, since namespaces of networks are not permitted here (unshare --net)"
fi
say "all well"
