"""Loads the built command until it would show: many runs in one process, a million samples, a million lines, and a table of
200,000 pictures and texts that are encoded.

    scripts/load-test.py [COMMAND] [--quick]

Prints a Markdown table of what was measured against its bound, and ends with 1 where a bound is broken. `--quick` does a
fiftieth of it. Needs Linux, for the memory and the open files of a process are read from /proc.
"""

import array
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

arguments = [a for a in sys.argv[1:] if a != "--quick"]
quick = "--quick" in sys.argv
command = os.path.abspath(arguments[0] if arguments else ".build/release/seesaw")
scale = 50 if quick else 1
MIB = 1 << 20
rows = []
failed = False


def write_tensors(path, tensors):
    """Safetensors; `tensors` are name, type, shape and an iterable of bytes."""
    header, at = {}, 0
    for name, kind, shape, size, _ in tensors:
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for *_, parts in tensors:
            for part in parts:
                file.write(part)


def features(count, width, classes, seed):
    """Float16 rows in portions: a class's own pattern, with a sign of chance."""
    generator = random.Random(seed)
    patterns = []
    for label in range(classes):
        for _ in range(16):
            values = [(1.5 if column % classes == label else 0) + generator.gauss(0, 1) for column in range(width)]
            patterns.append(struct.pack(f"<{width}e", *values))
    for start in range(0, count, 10_000):
        part = range(start, min(start + 10_000, count))
        yield b"".join(patterns[(i % classes) * 16 + generator.randrange(16)] for i in part)


def write_data(folder, counts, width=64, classes=4):
    folder.mkdir(parents=True)
    manifest = {
        "format": "seesaw-features/1", "name": folder.name, "task": "single-label", "metric": "accuracy",
        "classes": [f"c{i}" for i in range(classes)], "modalities": ["image", "text"], "about": {},
    }
    (folder / "dataset.json").write_text(json.dumps(manifest))
    for number, (split, count) in enumerate(counts.items()):
        labels = array.array("q", (i % classes for i in range(count)))
        size = count * width * 2
        write_tensors(
            folder / f"{split}.safetensors",
            [
                ("image", "F16", [count, width], size, features(count, width, classes, 2 * number)),
                ("text", "F16", [count, width], size, features(count, width, classes, 2 * number + 1)),
                ("labels", "I64", [count], 8 * count, [labels.tobytes()]),
            ],
        )


def write_pictures(folder, count):
    """Raw samples: so many pictures of 8 x 8 and texts of five words, each another."""
    generator = random.Random(count)
    words = "red green blue cat dog sun rain tree house boat".split()

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    folder.mkdir(parents=True)
    with open(folder / "samples.csv", "w") as table:
        table.write("id,image,text,label,split\n")
        for i in range(count):
            path = folder / f"images/{i // 1000:03}/picture-{i:07}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = b"".join(b"\0" + generator.randbytes(24) for _ in range(8))
            path.write_bytes(
                b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))
            split = {0: "test", 1: "validation"}.get(i % 5, "train")
            text = " ".join(generator.choice(words) for _ in range(5))
            table.write(f"sample-{i:07},{path.relative_to(folder)},{text} {i},class {i // 7 % 10},{split}\n")


def write_checkpoint(folder, width=8):
    """The smallest BERT, for its tokenizer."""
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "cat"] + list("0123456789")
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "config.json").write_text(json.dumps({
        "model_type": "bert", "vocab_size": len(words), "hidden_size": width, "num_hidden_layers": 1,
        "num_attention_heads": 1, "intermediate_size": width, "max_position_embeddings": width}))
    shapes = {"embeddings.word_embeddings.weight": [len(words), width], "embeddings.position_embeddings.weight": [width] * 2,
              "embeddings.token_type_embeddings.weight": [2, width]}
    layer = "encoder.layer.0."
    for name in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
                 "intermediate.dense", "output.dense"]:
        shapes |= {f"{layer}{name}.weight": [width, width], f"{layer}{name}.bias": [width]}
    for name in ["embeddings.LayerNorm", f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"]:
        shapes |= {f"{name}.weight": [width], f"{name}.bias": [width]}
    sizes = {name: 4 * (shape[0] * (shape[1] if len(shape) > 1 else 1)) for name, shape in shapes.items()}
    write_tensors(folder / "model.safetensors",
                  [(name, "F32", shape, sizes[name], [bytes(sizes[name])]) for name, shape in shapes.items()])


ANSWERER = """
import sys
for line in sys.stdin:
    sys.stdout.write('{"id":"%s","probabilities":[0.4,0.3,0.2,0.1]}\\n' % line[7 : line.index('"', 7)])
    sys.stdout.flush()
"""


def audit(folder):
    """A program that answers at once is asked about 10,000 samples, twice as many conditions, and swaps."""
    write_data(folder / "asked", {"train": 96, "test": 10_000 // scale}, width=4)
    (folder / "answer.py").write_text(ANSWERER)
    words = ["audit", "asked", "--command", f"{sys.executable} answer.py", "--grid", "0", "--swaps", "4", "--replicates", "2"]
    peaks = {}
    for name, samples in [("half", 5_000 // scale), ("whole", 0)]:
        seconds, memory, _ = watch([*words, "--samples", str(samples), "--out", name], folder)
        peaks[name] = peak(memory)
    said = (folder / "error").read_text()
    requests = int(said.split("Requests", 1)[1].split()[0].replace(",", ""))
    report(f"audit: {requests:,} requests to a program that answers at once",
           f"time for each, to the end of the audit ({requests / seconds:,.0f} requests/s)", 1e6 * seconds / requests, 50, "µs")
    report(f"audit: {requests:,} requests", "memory beyond that of half as many samples",
           (peaks["whole"] - peaks["half"]) / MIB, 128, "MiB")


def watch(words, folder, stdin=None, done=lambda: 0):
    """Runs the command; the seconds it took, its memory over time beside what was `done` by then, and its open files."""
    begun = time.monotonic()
    samples, most_files, count = [], 0, 0
    with open(folder / "out", "wb") as out, open(folder / "error", "wb") as error:
        source = open(stdin, "rb") if stdin else subprocess.DEVNULL
        process = subprocess.Popen([command, *words], stdin=source, stdout=out, stderr=error, cwd=folder)
        while process.poll() is None:
            try:
                fields = dict(
                    line.split(":", 1) for line in open(f"/proc/{process.pid}/status") if line.startswith(("VmRSS", "RssAnon"))
                )
                if len(samples) % 10 == 0:
                    count = done()
                samples.append((int(fields["RssAnon"].split()[0]) * 1024, count))
                most_files = max(most_files, len(os.listdir(f"/proc/{process.pid}/fd")))
            except (OSError, KeyError):
                pass
            time.sleep(0.02)
    if process.returncode != 0:
        sys.exit(f"load-test: seesaw {' '.join(words)} ended with {process.returncode}:\n{(folder / 'error').read_text()[-2000:]}")
    return time.monotonic() - begun, samples or [(0, 0)], most_files


def peak(samples):
    return max(memory for memory, _ in samples)


def report(what, measured, value, bound, unit):
    global failed
    held = value <= bound
    failed |= not held
    rows.append(f"| {what} | {measured} | {value:.0f} {unit} | {bound:.0f} {unit} | {'held' if held else '**broken**'} |")
    print(rows[-1], flush=True)


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="seesaw-load-"))
    try:
        print("| what | measured | value | bound | |\n|---|---|---:|---:|---|")
        write_data(folder / "tiny", {"train": 96, "validation": 24, "test": 48}, width=16)

        runs = 500 // scale
        methods = ["joint", "balgrad", "ogm", "uniform", "mmpareto"]
        fast = ["--set", "training.epochs=2", "--set", "model.embedding_width=16"]
        seconds, samples, files = watch(
            ["compare", "tiny", "--methods", ",".join(methods), "--seeds", str(max(1, runs // len(methods))), "--out", "c", "-q"]
            + fast, folder, done=lambda: sum(1 for _ in (folder / "c").glob("*/seed-*/evidence.json")))
        first = max(1, runs // 5)
        early = peak([s for s in samples if s[1] <= first] or samples)
        late = peak([s for s in samples if first < s[1] < runs] or samples)
        report(f"run after run, {runs} in one process", f"memory of the last {runs - first} beyond that of the first {first}",
               (late - early) / MIB, 8, "MiB")
        report(f"compare of these {runs} runs, with tests and page", f"memory beyond that of the first {first}, {seconds:.0f} s",
               (peak(samples) - early) / MIB, 32, "MiB")
        report(f"compare of {runs} runs, one process", "open files at most", files, 64, "")

        lines = 1_000_000 // scale
        one = json.dumps({"features": {"image": [0.5] * 16, "text": [0.25] * 16}})
        for count, name in [(lines // 100, "few"), (lines, "many")]:
            with open(folder / name, "w") as file:
                for i in range(count):
                    file.write('{"id":%d,%s\n' % (i, one[1:]))
        _, few, _ = watch(["predict", "c/balgrad/seed-0"], folder, folder / "few")
        seconds, many, _ = watch(["predict", "c/balgrad/seed-0"], folder, folder / "many")
        answered = sum(1 for _ in open(folder / "out", "rb"))
        if answered != lines:
            sys.exit(f"load-test: {answered} answers to {lines} lines")
        report(f"predict on {lines:,} lines", f"memory beyond that of {lines // 100:,} lines, {lines / seconds:,.0f} lines/s",
               (peak(many) - peak(few)) / MIB, 32, "MiB")

        audit(folder)

        write_checkpoint(folder / "bert")
        beyond = {}
        for count in [20_000 // scale, 200_000 // scale]:
            write_pictures(folder / f"raw-{count}", count)
            seconds, memory, _ = watch(
                ["encode", f"raw-{count}", "--out", f"encoded-{count}", "--image-encoder", "pixels:8", "--text-encoder",
                 "tokens:bert", "-q"], folder)
            beyond[count] = peak(memory)
            for name in ["raw-{}", "encoded-{}", "encoded-{}.cache"]:
                shutil.rmtree(folder / name.format(count))
        few, many = sorted(beyond)
        # A buffer of 4 MiB for rows is not yet full with few.
        report(f"encode {many:,} pictures and texts", f"memory beyond that of {few:,}, {many / seconds:,.0f} samples/s",
               (beyond[many] - beyond[few]) / MIB, 4 + 200 * (many - few) / MIB, "MiB")

        samples_count = 1_000_000 // scale
        write_data(folder / "large", {"train": samples_count, "validation": samples_count // 50, "test": samples_count // 50})
        size = sum(path.stat().st_size for path in (folder / "large").iterdir())
        seconds, memory, _ = watch(
            ["train", "large", "--method", "balgrad", "--out", "l", "-q", "--set", "training.epochs=1", "--set",
             "training.batch_size=1024", "--set", "model.embedding_width=32"], folder)
        report(f"train and evaluate {samples_count:,} samples ({size / MIB:.0f} MiB)", f"memory of its own at most, {seconds:.0f} s",
               peak(memory) / MIB, 768, "MiB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


main()
