#!/usr/bin/env bash
# Trains one model by several processes that torchrun starts, over frozen features and with an encoder: 2 and 4 processes must lead
# to the weights of one process to 1e-5. A process is killed by force in the middle: all end with a sentence, and the same command,
# started again, leaves the bits of a run that nobody disturbed; so it does where torchrun itself starts all again. A signal to
# torchrun ends all with a checkpoint.
#
#   SEESAW   the command (default .build/release/seesaw, else .build/debug/seesaw)
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

called="distributed test"
source scripts/prelude.sh
python="$(scripts/python-environment.sh)"
torchrun="$(dirname "$python")/torchrun"
[ -x "$torchrun" ] || fail "PyTorch's environment has no torchrun"
seesaw="$(realpath "$seesaw")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1

"$seesaw" encode Data/emoji --out "$work/features" --image-encoder hog-colour --text-encoder hashed-ngrams --quiet
"$seesaw" encode Data/emoji --out "$work/pixels" --image-encoder pixels:32 --text-encoder hashed-ngrams --quiet

settings=(--seed 1 --quiet --set training.threads=1 --set training.selection=last)
features=("$work/features" --method balgrad --set training.epochs=12)
pixels=("$work/pixels" --method balgrad --set training.epochs=2 --set training.precision=float64 --set model.encoders.image=small-cnn
  --set optimizer.name=sgd --set optimizer.learning_rate=0.01)

# train PROCESSES OUT RESTARTS ARGUMENT…
train() {
  local processes=$1 out=$2 restarts=$3
  shift 3
  if [ "$processes" = 1 ]; then
    "$seesaw" train "$@" "${settings[@]}" --out "$work/$out"
  else
    # A port of its own: others may test at the same time.
    "$torchrun" --no-python --nnodes 1 --nproc-per-node "$processes" --max-restarts "$restarts" \
      --rdzv-backend c10d --rdzv-endpoint localhost:0 "$seesaw" train "$@" "${settings[@]}" --out "$work/$out"
  fi
}
# near A B: the largest difference between the weights of two runs; of numbers above 1 as a share of them
near() {
  "$python" - "$work/$1" "$work/$2" <<'PYTHON'
import sys
from safetensors.torch import load_file
one, other = (load_file(f"{folder}/weights.safetensors") for folder in sys.argv[1:])
assert one.keys() == other.keys()
worst = max(float(((one[k].double() - other[k].double()).abs() / one[k].double().abs().clamp(min=1)).max()) for k in one)
assert worst <= 1e-5, f"the weights differ by {worst:.2g}"
print(f"{worst:.1g}")
PYTHON
}
same() { cmp "$work/$1/weights.safetensors" "$work/$2/weights.safetensors" || fail "$2: other bits than $1"; }

for kind in features pixels; do
  declare -n arguments="$kind"
  train 1 "$kind-1" 0 "${arguments[@]}"
  for processes in 2 4; do
    train "$processes" "$kind-$processes" 0 "${arguments[@]}" 2>"$work/log" || fail "$kind: $(tail -20 "$work/log")"
    say "$kind: $processes processes, at most $(near "$kind-1" "$kind-$processes") from the weights of one"
  done
done

# killed OUT RESTARTS: kills the second process by force once there is a checkpoint; what torchrun ends with
killed() {
  local out=$1 restarts=$2 status=0
  train 2 "$out" "$restarts" "${features[@]}" --set training.checkpoint_seconds=0 2>"$work/log" &
  local launcher=$!
  for _ in $(seq 1200); do
    [ -e "$work/$out/checkpoint.safetensors" ] && [ "$(wc -l <"$work/$out/steps.jsonl")" -gt 20 ] && break
    kill -0 "$launcher" 2>/dev/null || fail "$out ended before anybody was killed: $(tail -20 "$work/log")"
    sleep 0.05
  done
  # The last of torchrun's children is process 1.
  kill -KILL "$(pgrep -P "$(pgrep -P "$launcher" | head -1)" | sort -n | tail -1)" || fail "$out: nobody to kill"
  wait "$launcher" || status=$?
  return "$status"
}
train 2 whole 0 "${features[@]}" --set training.checkpoint_seconds=0 2>"$work/log" || fail "$(tail -20 "$work/log")"
if killed broken 0; then fail "a process was killed, and nobody noticed"; fi
grep -q "another process of this training has ended" "$work/log" || fail "no sentence: $(cat "$work/log")"
[ ! -e "$work/broken/weights.safetensors" ] || fail "a broken run left weights"
train 2 broken 0 "${features[@]}" --set training.checkpoint_seconds=0 2>"$work/log" || fail "$(tail -20 "$work/log")"
same whole broken
say "one of two killed: the other ended with a sentence; started again, the bits of an undisturbed run"

killed elastic 3 || fail "torchrun did not start all again: $(tail -20 "$work/log")"
same whole elastic
say "one of two killed, all started again by torchrun: the same bits"

train 2 stopped 0 "${features[@]}" --set training.checkpoint_seconds=0 2>"$work/log" &
launcher=$!
for _ in $(seq 1200); do
  [ -e "$work/stopped/checkpoint.safetensors" ] && break
  sleep 0.05
done
kill -TERM "$(pgrep -P "$launcher" | head -1)"
wait "$launcher" || true
grep -q '"status" *: *"interrupted"' "$work/stopped/run.json" || fail "a signal left no interrupted run"
train 2 stopped 0 "${features[@]}" --set training.checkpoint_seconds=0 2>"$work/log" || fail "$(tail -20 "$work/log")"
same whole stopped
say "torchrun told to end: a checkpoint, from which the same bits came"
say "all well"
