#!/usr/bin/env python3
"""Measures `seesaw mllm generate` on SmolLM2-135M against transformers' eager PyTorch: same weights, libtorch, threads, batch.

  scripts/mllm-speed.py [--seesaw PATH] [--model FOLDER] [--threads 1,2] [--tokens 65] [--rounds 3]

One prompt of some hundred tokens, a batch of one, float32, greedy. Each round runs both programs with one token and with so
many, in turn, each in a process of its own: the time to one token is the prompt's, what the further ones take is generation's,
and loading is in neither. Of all rounds the fastest counts, since other work on the machine only ever slows. Processor time
hardly depends on other work: the prompt's is what it takes more than a prompt of some words. Peak memory is the process's
largest, with all that it loads. Both must write the same tokens. Run by the Python of
scripts/python-environment.sh (make bench-mllm).
"""
import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SENTENCE = "The quick brown fox jumps over the lazy dog because it was chased by a large cat. "
QUESTION = 24 * SENTENCE + "Write a long story about these animals, with many details."


def measure_transformers(options):
    """In a process of its own: prints the same JSON as the command."""
    import time

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(options.child_threads)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    prompt = options.prompt_file.read_text()
    ids = torch.tensor([tokenizer(prompt, add_special_tokens=False).input_ids])
    with torch.inference_mode():
        begun = time.perf_counter()
        found = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=options.child_tokens,
            pad_token_id=0)
        seconds = time.perf_counter() - begun
    tokens = found[0, ids.shape[1]:].tolist()
    print(json.dumps({"tokens": tokens, "seconds": seconds, "promptTokens": ids.shape[1], "torch": torch.__version__}))


def run(command, threads):
    """What a program prints as JSON, its seconds of processor time, and the most memory it had, in MiB."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, **{name: str(threads) for name in names}, "HF_HUB_OFFLINE": "1"})
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"mllm-speed: {command[0]} ended with {process.returncode}")
    scale = 1024 if platform.system() == "Linux" else 1024 * 1024
    return json.loads(text), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seesaw", type=Path, default=ROOT / ".build/release/seesaw", help="the command")
    parser.add_argument("--model", type=Path, default=ROOT / ".weights/SmolLM2-135M-Instruct", help="of make mllm-weights")
    parser.add_argument("--threads", default="1,2", help="of an operation, one run for each (1,2)")
    parser.add_argument("--tokens", type=int, default=65, help="that are written (65)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts (3)")
    parser.add_argument("--child-threads", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--child-tokens", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--prompt-file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child_threads:
        return measure_transformers(options)
    for path in (options.seesaw, options.model):
        if not path.exists():
            sys.exit(f"mllm-speed: nothing is at {path}\n  make build mllm-weights brings what is needed")

    def ours(question, tokens):
        words = ["--text", question, "--template", "smollm2", "--json", "--quiet", "--tokens", tokens]
        return [options.seesaw, "mllm", "generate", options.model, *words]

    # Prompts as they are written, so that both read the same.
    prompts = {}
    (ROOT / "runs").mkdir(exist_ok=True)
    for place, question in enumerate((SENTENCE, QUESTION)):
        prompts[question] = ROOT / f"runs/mllm-speed-prompt-{place}.txt"
        prompts[question].write_text(run(ours(question, 1), 1)[0]["prompt"])

    def theirs(question, tokens, threads):
        words = ["--child-threads", threads, "--child-tokens", tokens]
        return [sys.executable, __file__, "--model", options.model, "--prompt-file", prompts[question], *words]

    print(f"{platform.machine()}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {options.rounds} rounds")
    print("| threads | | prompt, tokens/s | generation, tokens/s | by processor time: prompt | generation | memory, MiB |")
    print("|--:|:--|--:|--:|--:|--:|--:|")
    for threads in map(int, options.threads.split(",")):
        best = {"seesaw": {}, "transformers": {}}
        written = {}
        for _ in range(options.rounds):
            for name, own in best.items():
                for question, tokens in ((SENTENCE, 1), (QUESTION, 1), (QUESTION, options.tokens)):
                    command = ours(question, tokens) if name == "seesaw" else theirs(question, tokens, threads)
                    found, processor, memory = run(command, threads)
                    if len(found["tokens"]) < tokens:
                        sys.exit(f"mllm-speed: {name} wrote {len(found['tokens'])} tokens and ended; give fewer --tokens")
                    key = (question, tokens)
                    seconds, least, _ = own.get(key, (float("inf"), float("inf"), 0))
                    own[key] = (min(seconds, found["seconds"]), min(least, processor), found["promptTokens"])
                    own["memory"] = max(own.get("memory", 0), memory)
                    own["libtorch"] = found.get("torch")
                    written[name] = found["tokens"]
        if written["seesaw"] != written["transformers"]:
            sys.exit(f"mllm-speed: the two wrote different tokens:\n  {written}")
        figures = {}
        for name, own in best.items():
            short, one, all_ = own[SENTENCE, 1], own[QUESTION, 1], own[QUESTION, options.tokens]
            further = options.tokens - 1
            figures[name] = [
                one[2] / one[0], further / (all_[0] - one[0]), (one[2] - short[2]) / (one[1] - short[1]),
                further / (all_[1] - one[1]), own["memory"]]
            words = " | ".join(f"{value:.1f}" for value in figures[name])
            print(f"| {threads} | {name} | {words} |")
        ratios = [a / b for a, b in zip(figures["seesaw"], figures["transformers"])]
        print(f"| {threads} | ratio | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |", flush=True)
    print(
        f"\n{best['seesaw'][QUESTION, 1][2]} tokens of prompt, {options.tokens} written, the same by both; PyTorch "
        f"{best['transformers']['libtorch']}, float32, a batch of one.")


main()
