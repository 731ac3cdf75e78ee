#!/usr/bin/env python3
"""Kills training, comparing, encoding (of folders, archives and Parquet files) and importing at random moments, again and again, and compares every bit with work
that was left in peace.

  scripts/kill-harness.py [--seesaw PATH] [--kills N] [--seed N] [--only WORD] [--keep FOLDER]

After every kill, what lies under a final name must be whole; at the end everything must be as in the reference, times
excepted. Exits 1 where something is not. Parquet files of some hundred rows need pyarrow in the Python that runs this; without it
those of Tests/Golden/tables are encoded.
"""
import argparse
import io
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIMES = {"started", "ended", "seconds"}


def safetensors(path, tensors):
    header, body = {}, b""
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def features(folder, numbers, counts={"train": 400, "validation": 80, "test": 60}, widths={"image": 12, "text": 8}):
    folder.mkdir()
    for split, count in counts.items():
        labels = [i % 3 for i in range(count)]
        tensors = {}
        for name, width in widths.items():
            rows = [numbers.gauss(0, 1) + (1.5 if c % 3 == label else 0) for label in labels for c in range(width)]
            tensors[name] = ("F32", [count, width], struct.pack(f"<{len(rows)}f", *rows))
        tensors["labels"] = ("I64", [count], struct.pack(f"<{count}q", *labels))
        safetensors(folder / f"{split}.safetensors", tensors)
    manifest = {
        "format": "seesaw-features/1", "name": "made", "task": "single-label", "classes": ["a", "b", "c"],
        "modalities": list(widths), "metric": "accuracy", "about": {},
    }
    (folder / "dataset.json").write_text(json.dumps(manifest))


def png(width, height, pixel):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    raw = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def raw_samples(folder, count=40):
    folder.mkdir()
    lines = ["id,image,text,label,split"]
    for i in range(count):
        label = "cat" if i % 2 else "dog"
        split = "train" if i < count * 0.7 else "validation" if i < count * 0.8 else "test"
        shade = 37 * i % 200
        picture = png(12, 12, lambda x, y: (shade, x * 10 % 256, (y * (9 if i % 2 else 4)) % 256))
        (folder / f"{i}.png").write_bytes(picture)
        lines.append(f'{i},{i}.png,"a {label} of number {i} on a {["mat", "rug", "bed"][i % 3]}",{label},{split}')
    (folder / "samples.csv").write_text("\n".join(lines) + "\n")


def archives(raw, folder, gzip):
    """The samples of a folder as two archives in the manner of WebDataset."""
    folder.mkdir()
    samples = [line.split(",") for line in (raw / "samples.csv").read_text().splitlines()[1:]]
    for part in range(2):
        name = folder / f"part-{part}.tar{'.gz' if gzip else ''}"
        with tarfile.open(name, "w:gz" if gzip else "w", format=tarfile.USTAR_FORMAT) as archive:
            for number, _, text, label, _ in samples[part::2]:
                members = {"png": (raw / f"{number}.png").read_bytes(), "txt": text.encode(), "cls": label.encode()}
                for ending, data in members.items():
                    entry = tarfile.TarInfo(f"{number}.{ending}")
                    entry.size = len(data)
                    archive.addfile(entry, io.BytesIO(data))


def parquet(raw, folder):
    """The same as Parquet files of several row groups, by split; whether they could be written."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return False
    folder.mkdir()
    samples = [line.split(",") for line in (raw / "samples.csv").read_text().splitlines()[1:]]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    for split in ("train", "validation", "test"):
        rows = [row for row in samples if row[4] == split]
        pictures = [{"bytes": (raw / row[1]).read_bytes(), "path": row[1]} for row in rows]
        table = pyarrow.table({
            "id": [row[0] for row in rows], "image": pyarrow.array(pictures, kind), "text": [row[2] for row in rows],
            "label": [row[3] for row in rows],
        })
        pyarrow.parquet.write_table(table, folder / f"{split}-00000-of-00001.parquet", row_group_size=7)
    return True


def stored(path):
    """The bytes of a safetensors file, which must be all there."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    end = max([t["data_offsets"][1] for name, t in header.items() if name != "__metadata__"], default=0)
    if len(data) != 8 + length + end:
        raise ValueError(f"{len(data)} bytes, {8 + length + end} are promised")
    return data


def timeless(value):
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def essence(path):
    """What of a file must be the same in every run."""
    if path.suffix == ".safetensors":
        return stored(path)
    if path.suffix == ".json":
        return timeless(json.loads(path.read_text()))
    if path.name == "epochs.jsonl":
        return [timeless(json.loads(line)) for line in path.read_text().splitlines()]
    return path.read_bytes()


def contents(folder):
    names = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    # A page is made of the records, and names its folder and the day; what is left half-written there counts.
    names = [name for name in names if name.parts[0] != "report" or name.name.startswith(".")]
    return {str(n): n for n in names}


def whole(folder):
    """Faults of files under final names: half a file must never be met there."""
    faults = []
    for name, relative in contents(folder).items():
        path = folder / relative
        if any(part.startswith(".") for part in relative.parts):
            continue
        try:
            if path.suffix == ".safetensors":
                stored(path)
            elif path.suffix == ".json":
                json.loads(path.read_text())
        except FileNotFoundError:
            continue
        except (ValueError, struct.error) as error:
            faults.append(f"{path}: {error}")
    for record in folder.rglob("run.json"):
        if json.loads(record.read_text())["status"] == "finished":
            for needed in ("weights.safetensors", "evaluation.json", "steps.jsonl", "epochs.jsonl"):
                if not (record.parent / needed).exists():
                    faults.append(f"{record.parent}: finished, and {needed} is not there")
    return faults


def differences(a, b, rename):
    left, right = contents(a), contents(b)
    faults = [f"only in {a.name}: {n}" for n in left if n not in right]
    faults += [f"only in {b.name}: {n}" for n in right if n not in left]
    for name in left:
        if name in right:
            one, other = essence(a / left[name]), essence(b / right[name])
            if isinstance(one, (dict, list)):
                one, other = (json.loads(json.dumps(x).replace(*rename)) for x in (one, other))
            if one != other:
                faults.append(f"{name} differs")
    return faults


class Harness:
    def __init__(self, arguments, work):
        self.seesaw, self.work, self.wanted = arguments.seesaw, work, arguments.kills
        self.numbers = random.Random(arguments.seed)
        self.environment = dict(os.environ, OMP_NUM_THREADS="1", SEESAW_WEIGHTS="")
        self.total = self.landed = 0
        self.signals = {}
        self.faults = []

    def start(self, words):
        return subprocess.Popen(
            [self.seesaw, *words, "--quiet"], cwd=self.work, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def case(self, title, words, kills=None):
        """words(out) is the command line; the reference goes to ref, the tormented one to out."""
        kills = kills or self.wanted
        reference, out = self.work / "ref", self.work / "out"
        for folder in (reference, out):
            shutil.rmtree(folder, ignore_errors=True)
        for left in self.work.glob(".*out*"):
            shutil.rmtree(left, ignore_errors=True)
        began = time.monotonic()
        process = self.start(words("ref"))
        errors = process.communicate()[1]
        span = time.monotonic() - began
        if process.returncode != 0:
            return self.fault(title, f"the reference ended with {process.returncode}: {errors}")
        landed, refused = 0, 0
        for attempt in range(100000):
            process = self.start(words("out"))
            # Most moments anywhere in the work; some near its end, where files get their names.
            share = self.numbers.random() if attempt % 3 else self.numbers.uniform(0.75, 1.05)
            if landed < kills:
                number = self.numbers.choices([signal.SIGKILL, signal.SIGINT, signal.SIGTERM], [8, 1, 1])[0]
                try:
                    process.wait(timeout=share * span)
                except subprocess.TimeoutExpired:
                    process.send_signal(number)
                    landed += 1
                    self.signals[number.name] = self.signals.get(number.name, 0) + 1
            errors = process.communicate()[1]
            status = process.returncode
            if status == 0:
                if landed >= kills:
                    break
                # It came to its end before the kill: begin again.
                for fault in differences(reference, out, ("/out", "/ref")):
                    self.fault(title, f"after {landed} kills: {fault}")
                shutil.rmtree(out)
                continue
            if status not in (-signal.SIGKILL, 75, 130, -signal.SIGINT, -signal.SIGTERM):
                self.fault(title, f"ended with {status}: {errors}")
                break
            for fault in whole(out) if out.exists() else []:
                self.fault(title, f"after {landed} kills: {fault}")
        for fault in differences(reference, out, ("/out", "/ref")):
            self.fault(title, f"after {landed} kills: {fault}")
        self.total += 1
        self.landed += landed
        print(f"{title}: {landed} kills over {span:.1f} s of work", flush=True)

    def fault(self, title, words):
        self.faults.append(f"{title}: {words}")
        print(f"  {self.faults[-1]}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seesaw", default=os.environ.get("SEESAW", str(ROOT / ".build/release/seesaw")))
    parser.add_argument("--kills", type=int, default=12, help="for each case (default: 12)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="cases whose title contains this")
    parser.add_argument("--keep", help="work here, and leave it")
    arguments = parser.parse_args()
    work = Path(arguments.keep or tempfile.mkdtemp(prefix="seesaw-kill-")).resolve()
    work.mkdir(exist_ok=True)
    arguments.seesaw = os.path.abspath(arguments.seesaw)
    harness = Harness(arguments, work)
    numbers = random.Random(7)
    if not (work / "data").exists():
        features(work / "data", numbers)
        raw_samples(work / "raw")
        big = random.Random(8)
        rows = 20000
        safetensors(
            work / "made.safetensors",
            {
                "image": ("F32", [rows, 32], struct.pack(f"<{rows * 32}f", *[big.random() for _ in range(rows * 32)])),
                "text": ("F32", [rows, 16], struct.pack(f"<{rows * 16}f", *[big.random() for _ in range(rows * 16)])),
                "labels": ("I64", [rows], struct.pack(f"<{rows}q", *[i % 4 for i in range(rows)])),
            })
    listed = subprocess.run([arguments.seesaw, "methods", "--json"], capture_output=True, text=True, check=True).stdout
    methods = [card["name"] for card in json.loads(listed)]
    quick = ["--set", "training.epochs=4", "--set", "training.batch_size=32", "--set", "model.embedding_width=8"]
    often = ["--set", "training.checkpoint_seconds=0"]
    cases = []
    for method in methods:
        words = ["--method", method, *quick, *often]
        cases.append((f"train {method}", lambda out, w=words: ["train", "data", *w, "--out", out], 1))
    for jobs in ("1", "2"):
        words = ["--methods", "joint,umt,balgrad", "--seeds", "2", "--sweep", "--jobs", jobs, *quick, *often]
        cases.append((f"compare --jobs {jobs}", lambda out, w=words: ["compare", "data", *w, "--out", out], 2))
    words = ["--methods", "joint,mslr", "--seeds", "2", "--tune", "3", *quick, *often]
    cases.append(("compare --tune", lambda out, w=words: ["compare", "data", *w, "--out", out], 2))
    cases.append(("encode", lambda out: ["encode", "raw", "--out", out], 3))
    raw = work / "raw"
    for name, gzip in (("tar", False), ("tar.gz", True)):
        if not (work / name).exists():
            archives(raw, work / name, gzip)
        cases.append((f"encode {name}", lambda out, n=name: ["encode", n, "--out", out], 2))
    doctor = subprocess.run([arguments.seesaw, "doctor"], capture_output=True, text=True, env=harness.environment).stdout
    golden = ROOT / "Tests/Golden"
    if "Parquet and Arrow files by" in doctor:
        if not (work / "parquet").exists() and not parquet(raw, work / "parquet"):
            print("pyarrow is not there: the Parquet files are those of Tests/Golden/tables", flush=True)
            shutil.copytree(golden / "tables/image-text", work / "parquet")
        cases.append(("encode parquet", lambda out: ["encode", "parquet", "--out", out], 3))
    if "HDF5 by" in doctor:
        file = str(golden / "hdf5/multibench.h5")
        cases.append(("import hdf5", lambda out: ["import", file, "--out", out, "--name", "made"], 1))
    cases.append(("encode again", lambda out: ["encode", "raw", "--out", out, "--again"], 2))
    cases.append(("import", lambda out: ["import", "made.safetensors", "--out", out, "--name", "made"], 2))
    cases.append(("train again", lambda out: ["train", "data", "--out", out, *quick, *often, "--again"], 1))
    try:
        for title, command, factor in cases:
            if arguments.only in title:
                harness.case(title, command, arguments.kills * factor)
    finally:
        if not arguments.keep:
            shutil.rmtree(work, ignore_errors=True)
    by_signal = ", ".join(f"{count} {name}" for name, count in sorted(harness.signals.items()))
    print(f"{harness.landed} kills ({by_signal}) in {harness.total} cases, {len(harness.faults)} faults")
    sys.exit(bool(harness.faults))


if __name__ == "__main__":
    main()
