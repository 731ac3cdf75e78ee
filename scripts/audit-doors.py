"""One model through every door, and four kinds of model from Python: the numbers must be the same, and right.

    scripts/audit-doors.py            (make audit-doors)

Trains a small cross-attention model in PyTorch on Data/emoji and audits it as a program, as a Python function, as a
TorchScript module, as a package of AOTInductor (where a C++ compiler is there), as an ONNX model (where OpenVINO is there) and
as a file of predictions. Then an early fusion, a two-tower model and one without a neural network, each from Python. Says what was compared, and how far apart it was.
"""

import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from torch import nn

root = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root / "Python"))
import seesaw  # noqa: E402

DATA = root / "Data" / "emoji"
ASKED = ["--samples", "64", "--swaps", "2", "--grid", "12", "--replicates", "20", "-q"]
TOLERANCE = 1e-5
failures = []


def expect(holds, words):
    print(("  ok    " if holds else "  WRONG ") + words, flush=True)
    if not holds:
        failures.append(words)


# MARK: Data

rows = list(csv.DictReader(open(DATA / "samples.csv", encoding="utf-8")))
classes = sorted({row["label"] for row in rows})
splits = {name: [row for row in rows if row["split"] == name] for name in ("train", "test")}


def pixels(image):
    return torch.from_numpy(np.asarray(image.convert("RGB"), dtype=np.float32) / 255).permute(2, 0, 1)


BLANK = torch.zeros(3, 64, 64)


def tokenizer(folder):
    """A small WordPiece vocabulary of the training texts, as a checkpoint's folder has it."""
    from transformers import BertTokenizerFast

    words = sorted({word for row in splits["train"] for word in "".join(c if c.isalnum() else " " for c in row["text"].lower()).split()})
    letters = [chr(c) for c in range(33, 127)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + ["##" + c for c in letters] + words
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(vocabulary)) + "\n", encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "max_position_embeddings": 48}))
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 48}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=True, model_max_length=48)


def tokens(words, texts):
    encoded = words([text or "" for text in texts], truncation=True, max_length=48)["input_ids"]
    length = max(map(len, encoded))
    return torch.tensor([row + [0] * (length - len(row)) for row in encoded])


# MARK: Models


class CrossAttention(nn.Module):
    """Patches and tokens that look at each other."""

    def __init__(self, vocabulary: int, classes: int, width: int = 32):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 8, stride=8)
        self.embed = nn.Embedding(vocabulary, width)
        self.to_patches = nn.MultiheadAttention(width, 4, batch_first=True)
        self.to_tokens = nn.MultiheadAttention(width, 4, batch_first=True)
        self.head = nn.Sequential(nn.Linear(2 * width, 64), nn.ReLU(), nn.Linear(64, classes))

    def forward(self, pixels: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        patches = self.patch(pixels).flatten(2).transpose(1, 2)
        padding = tokens == 0
        words = self.embed(tokens)
        a = self.to_patches(words, patches, patches, need_weights=False)[0]
        b = self.to_tokens(patches, words, words, key_padding_mask=padding, need_weights=False)[0]
        kept = (~padding).unsqueeze(-1).to(a.dtype)
        text = ((words + a) * kept).sum(1) / kept.sum(1)
        return self.head(torch.cat([text, (patches + b).mean(1)], 1))


class EarlyFusion(nn.Module):
    """Coarse pixels and a bag of words, side by side, into one network."""

    def __init__(self, vocabulary, classes):
        super().__init__()
        self.bag = nn.EmbeddingBag(vocabulary, 48, mode="mean", padding_idx=0)
        self.net = nn.Sequential(nn.Linear(48 + 192, 96), nn.ReLU(), nn.Linear(96, classes))

    def forward(self, pixels, tokens):
        coarse = nn.functional.adaptive_avg_pool2d(pixels, 8).flatten(1)
        return self.net(torch.cat([self.bag(tokens), coarse], 1))


class TwoTowers(nn.Module):
    """Two encoders into one space, as CLIP has them, compared with one direction for each class."""

    def __init__(self, vocabulary, classes):
        super().__init__()
        self.image = nn.Sequential(nn.Conv2d(3, 16, 8, stride=8), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 32))
        self.text = nn.EmbeddingBag(vocabulary, 32, mode="mean", padding_idx=0)
        self.classes = nn.Parameter(torch.randn(classes, 32))

    def forward(self, pixels, tokens):
        way = nn.functional.normalize
        towers = way(self.image(pixels), dim=1) + way(self.text(tokens), dim=1)
        return 8 * towers @ way(self.classes, dim=1).T


def trained(model, words, epochs):
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
    images = torch.stack([pixels(Image.open(DATA / row["image"])) for row in splits["train"]])
    texts = tokens(words, [row["text"] for row in splits["train"]])
    labels = torch.tensor([classes.index(row["label"]) for row in splits["train"]])
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(labels)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch], texts[batch]), labels[batch]).backward()
            optimizer.step()
    return model.eval()


def function(model, words):
    """The model as a function of samples, for Python's door."""

    def predict(samples):
        images = torch.stack([BLANK if s["image"] is None else pixels(s["image"]) for s in samples])
        with torch.no_grad():
            return model(images, tokens(words, [s["text"] for s in samples]))

    return predict


PROGRAM = """
import json, sys
sys.path.insert(0, {scripts!r})
import importlib
doors = importlib.import_module("audit-doors")
import pathlib, torch
from PIL import Image
words = doors.tokenizer(pathlib.Path({vocabulary!r}))
model = doors.CrossAttention(len(words), len(doors.classes))
model.load_state_dict(torch.load({weights!r}))
predict = doors.function(model.eval(), words)
for line in sys.stdin:
    r = json.loads(line)
    image = None if r["image"] is None else Image.open(r["image"])
    row = predict([{{"image": image, "text": r["text"]}}])[0].tolist()
    print(json.dumps({{"id": r["id"], "logits": row}}), flush=True)
"""


# MARK: Doors


def table(folder):
    return seesaw._tensors(pathlib.Path(folder) / "table.safetensors")[0]


def command(*words):
    done = subprocess.run([seesaw.command(), "audit", *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"seesaw audit {' '.join(map(str, words))}\n{done.stderr}")


def same(one, other, title):
    """Compares the answers of two tables under the conditions that both have; what is above 1 by its digits."""
    names = sorted(set(one) & set(other))
    apart = max(
        float(np.max(np.abs(np.subtract(one[name][1], other[name][1])) / np.maximum(1, np.abs(one[name][1]))))
        for name in names)
    expect(len(names) > 5 and apart <= TOLERANCE, f"{title}: {len(names)} arrays, at most {apart:.1e} apart")


def same_parts(one, other, title):
    """Compares what words and patches of telling samples speak for."""
    found = []
    for folder in (one, other):
        record = json.loads((folder / "audit.json").read_text())
        found.append({s["id"]: s["parts"] for s in record["telling"] if "parts" in s})
    # A module is not asked about declared absence, so that other samples may be the telling ones.
    both = sorted(found[0].keys() & found[1].keys())
    apart = max((
        abs(a - b)
        for i in both
        for a, b in zip(
            [w["value"] for w in found[0][i]["words"]] + found[0][i]["patches"],
            [w["value"] for w in found[1][i]["words"]] + found[1][i]["patches"], strict=True)), default=1)
    expect(both and apart <= TOLERANCE, f"{title}: words and patches of {len(both)} of {len(found[0])} samples, at most {apart:.1e} apart")


def doors(folder):
    words = tokenizer(folder / "vocabulary")
    model = trained(CrossAttention(len(words), len(classes)), words, 12)
    weights = folder / "weights.pt"
    torch.save(model.state_dict(), weights)
    predict = function(model, words)

    program = folder / "predict.py"
    program.write_text(
        PROGRAM.format(scripts=str(root / "scripts"), vocabulary=str(folder / "vocabulary"), weights=str(weights))
    )
    command(DATA, "--command", f"{sys.executable} {program}", "--out", folder / "program", *ASKED)
    by_program = table(folder / "program")

    result = seesaw.audit(predict, DATA, out=folder / "python", output="logits", batch=1, samples=64, swaps=2, grid=12, replicates=20, quiet=True)
    same(by_program, table(folder / "python"), "program and Python function")
    same_parts(folder / "program", folder / "python", "program and Python function")
    # Tokens and pictures alike, but batches: the last digits may differ.
    module = folder / "model.pt"
    torch.jit.save(torch.jit.script(model), str(module))
    given = ["--input", "image=pixels:64", "--input", f"text=tokens:{folder / 'vocabulary'}", "--batch", "16"]
    command(DATA, "--module", module, *given, "--out", folder / "module", *ASKED)
    same(by_program, table(folder / "module"), "program and TorchScript module")
    same_parts(folder / "program", folder / "module", "program and TorchScript module")

    if shutil.which("g++") or shutil.which("clang++"):
        length = torch.export.Dim("length", min=3, max=48)
        example = (torch.rand(16, 3, 64, 64), tokens(words, [row["text"] for row in splits["test"][:16]]))
        exported = torch.export.export(model, example, dynamic_shapes=({}, {1: length}))
        package = str(folder / "model.pt2")
        torch._inductor.aoti_compile_and_package(exported, package_path=package)
        command(DATA, "--module", package, *given, "--out", folder / "package", *ASKED)
        same(by_program, table(folder / "package"), "program and AOTInductor package")
    else:
        print("  --    AOTInductor package: no C++ compiler here")

    if (root / ".openvino").exists():
        example = (torch.rand(16, 3, 64, 64), tokens(words, [row["text"] for row in splits["test"][:16]]))
        onnx = str(folder / "model.onnx")
        length = torch.export.Dim("length", min=3, max=48)
        torch.onnx.export(model, example, onnx, dynamo=True, dynamic_shapes=({}, {1: length}), external_data=False)
        command(DATA, "--module", onnx, *given, "--out", folder / "onnx", *ASKED)
        same(by_program, table(folder / "onnx"), "program and ONNX model")
    else:
        print("  --    ONNX model: no runtime here (make openvino)")

    # A file as somebody would write it, with what needs none of our inputs.
    arrays, names = seesaw._tensors(folder / "program" / "table.safetensors")
    chosen = {row["id"]: row for row in splits["test"]}
    samples = [{"image": Image.open(DATA / chosen[i]["image"]), "text": chosen[i]["text"]} for i in names["ids"]]
    black = Image.new("RGB", (64, 64))

    def ask(some):
        return np.concatenate([predict([s]).numpy() for s in some])

    filled = {
        "labels": np.array(arrays["labels"][1]), "classes": np.array(names["classes"]), "ids": np.array(names["ids"]),
        "modalities": np.array(names["modalities"]), "logits/full": ask(samples),
        "logits/missing:image": ask([s | {"image": black} for s in samples]),
        "logits/missing:text": ask([s | {"text": ""} for s in samples]),
    }
    for name in ("image", "text"):
        for k in range(3):
            index = np.array(arrays[f"swap:{name}:{k}:index"][1])
            filled[f"logits/swap:{name}:{k}"] = ask([s | {name: samples[j][name]} for s, j in zip(samples, index)])
            filled[f"swap:{name}:{k}:index"] = index
    np.savez(folder / "predictions.npz", **filled)
    command(folder / "predictions.npz", "--out", folder / "file", "--replicates", "20", "-q")
    same({key: value for key, value in by_program.items() if "logits" in key}, table(folder / "file"), "program and file")
    records = [json.loads((folder / door / "audit.json").read_text()) for door in ("program", "python", "module", "file")]
    for path in ("scores.full.value", "scores.missing:image.value", "scores.missing:text.value", "swap.image.drop", "swap.text.drop", "swap.text.divergence"):
        values = []
        for record in records:
            for key in path.split("."):
                record = record[key]
            values.append(record)
        expect(max(values) - min(values) <= TOLERANCE, f"{path} is {values[0]:.4f} by all four doors")
    own = np.mean([classes[int(row.argmax())] == chosen[i]["label"] for row, i in zip(ask(samples), names["ids"])])
    expect(abs(own - result.scores["full"]) < 1e-12, f"accuracy as Python counts it: {own:.4f}")


# MARK: Other models


def kinds(folder):
    words = tokenizer(folder / "vocabulary")
    few = dict(samples=64, swaps=2, grid=12, replicates=20, quiet=True)
    for name, kind in (("early fusion", EarlyFusion), ("two towers", TwoTowers)):
        model = trained(kind(len(words), len(classes)), words, 10)
        result = seesaw.audit(function(model, words), DATA, out=folder / name.replace(" ", "-"), output="logits", **few)
        expect(result.scores["full"] > 0.5, f"{name}: {100 * result.scores['full']:.1f} % with everything there")
        if kind is TwoTowers:
            together = result.record["emap"]["shares"]["together"]
            expect(together < 1e-4, f"{name}: a sum of two towers combines nothing ({together:.1e} of the variance)")

    # Naive Bayes over words, which never looks at a picture.
    counts = {}
    for row in splits["train"]:
        for word in set(row["text"].lower().split()):
            counts.setdefault(word, np.ones(len(classes)))[classes.index(row["label"])] += 1

    def predict(samples):
        answers = []
        for sample in samples:
            logits = sum((np.log(counts[w] / counts[w].sum()) for w in set((sample["text"] or "").lower().split()) if w in counts), np.zeros(len(classes)))
            answers.append(dict(zip(classes, np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum())))
        return answers

    result = seesaw.audit(predict, DATA, out=folder / "bayes", images="path", **few)
    expect(result.scores["full"] > 0.5, f"naive Bayes: {100 * result.scores['full']:.1f} % with everything there")
    drop, moved = (result.record["swap"]["image"][key] for key in ("drop", "divergence"))
    expect(drop == 0 and moved == 0, "naive Bayes: another sample's image changes nothing, exactly")


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    with tempfile.TemporaryDirectory() as place:
        doors(pathlib.Path(place))
        kinds(pathlib.Path(place))
    print(f"{len(failures)} wrong" if failures else "all doors agree")
    sys.exit(1 if failures else 0)
