"""Texts or pictures a second, Seesaw against transformers: same checkpoint, same libtorch, same threads, same batches.

    python Benchmarks/reference/encoders.py text|image FOLDER FILE [--threads N] [--rounds N] [--precision P]

FILE has a text, or the path of a picture, a line. Both sides do all of the work, from text or file to pooled row, in
batches of 32 texts sorted by length or 16 pictures; they take turns, and what is compared is the median round. Build
first: swift build -c release --package-path Benchmarks --product EncoderBenchmark
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

import torch
from PIL import Image
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer

BINARY = Path(__file__).resolve().parent.parent / ".build" / "release" / "EncoderBenchmark"


def texts(folder: str, lines: list[str], precision: torch.dtype):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=precision).eval()
    modules = Path(folder) / "modules.json"
    normalizes = modules.exists() and "Normalize" in modules.read_text()
    limit = Path(folder) / "sentence_bert_config.json"
    longest = json.loads(limit.read_text())["max_seq_length"] if limit.exists() else tokenizer.model_max_length

    def run() -> torch.Tensor:
        # As Seesaw does: sorted by length within portions of 256.
        rows = [None] * len(lines)
        for portion in range(0, len(lines), 256):
            found = tokenizer(lines[portion:portion + 256], truncation=True, max_length=longest)["input_ids"]
            order = sorted(range(len(found)), key=lambda index: len(found[index]))
            for start in range(0, len(order), 32):
                members = order[start:start + 32]
                batch = tokenizer.pad({"input_ids": [found[m] for m in members]}, return_tensors="pt")
                states = model(**batch).last_hidden_state.float()
                mask = batch["attention_mask"][..., None].float()
                pooled = (states * mask).sum(1) / mask.sum(1)
                if normalizes:
                    pooled = torch.nn.functional.normalize(pooled)
                for place, member in enumerate(members):
                    rows[portion + member] = pooled[place]
        return rows[0]

    return run


def pictures(folder: str, lines: list[str], precision: torch.dtype):
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    model = AutoModel.from_pretrained(folder, dtype=precision).eval()

    def run() -> torch.Tensor:
        first = None
        for start in range(0, len(lines), 16):
            images = [Image.open(line).convert("RGB") for line in lines[start:start + 16]]
            states = model(**processor(images=images, return_tensors="pt").to(precision)).last_hidden_state
            pooled = (states[:, 0] if states.dim() == 3 else states.mean((2, 3))).float()
            first = pooled[0] if first is None else first
        return first

    return run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["text", "image"])
    parser.add_argument("folder")
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--binary", default=BINARY)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    lines = Path(asked.file).read_text("utf-8").split("\n")
    theirs = (texts if asked.kind == "text" else pictures)(asked.folder, lines, getattr(torch, asked.precision))
    ours = subprocess.Popen(
        [asked.binary, asked.kind, asked.folder, asked.file, str(asked.threads), asked.precision], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask() -> tuple[float, list[float]]:
        ours.stdin.write("\n")
        ours.stdin.flush()
        seconds, row = ours.stdout.readline().split()
        return float(seconds), [float(number) for number in row.split(",")]

    times = {"seesaw": [], "transformers": []}
    apart = None
    with torch.inference_mode():
        for round in range(asked.rounds + 1):
            seconds, row = ask()
            begun = time.perf_counter()
            reference = theirs()
            took = time.perf_counter() - begun
            if round == 0:
                # The first round warms both up, and shows that they do the same.
                apart = max(abs(a - b) for a, b in zip(row, reference.tolist()))
                continue
            times["seesaw"].append(seconds)
            times["transformers"].append(took)
    ours.stdin.close()
    middle = {name: statistics.median(found) for name, found in times.items()}
    model = AutoConfig.from_pretrained(asked.folder).model_type
    print(f"{model}, {len(lines)} {asked.kind}s, {asked.threads} threads, {asked.precision}, torch {torch.__version__}")
    for name, found in times.items():
        rates = f"({len(lines) / max(found):.1f} to {len(lines) / min(found):.1f})"
        print(f"  {name:13} {len(lines) / middle[name]:9.1f} a second   {rates}")
    ratio = middle["transformers"] / middle["seesaw"]
    print(f"  ratio         {ratio:9.2f}            largest difference of the first row {apart:.1e}")


if __name__ == "__main__":
    main()
