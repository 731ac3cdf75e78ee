"""Takes turns with our benchmark: a request of JSON a line on stdin, an answer of JSON a line on stdout.

    {"do": "make", "name": N, "method": M, "shape": S, "precision": "float32"}      a model and a batch to step on
    {"do": "steps", "name": N, "count": 10}                                         seconds of so many steps
    {"do": "data", "shape": S, "samples": 12000}                                    the samples of an epoch
    {"do": "epoch", "name": N, "workers": 0}                                        seconds of one epoch
    {"do": "once", "method": M, "optimizer": "sgd", "file": F, "to": F, ...}        one step on given weights and batch
    {"do": "compare", "folder": D, "methods": [...], "seeds": 3, ...}               a whole comparison
"""

import contextlib
import copy
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, TensorDataset

from methods import METHODS
from model import LateFusion

made: dict[str, dict] = {}
data: dict[str, object] = {}


def build(method: str, widths: list[int], hidden: int, classes: int, steps: int, seed: int = 0, rate: float = 1e-3):
    torch.manual_seed(seed)
    model = LateFusion(widths, hidden, classes)
    return METHODS[method](model, torch.optim.Adam(model.parameters(), lr=rate), steps)


def autocast(precision: str):
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast("cpu", dtype=torch.bfloat16)


def make(request: dict) -> dict:
    shape = request["shape"]
    widths = [shape["width"]] * shape["modalities"]
    method = build(request["method"], widths, shape["hidden"], shape["classes"], 10_000)
    inputs = [torch.randn(shape["batch"], width) for width in widths]
    labels = torch.arange(shape["batch"]) % shape["classes"]
    made[request["name"]] = {
        "method": method, "batch": (inputs, labels), "size": shape["batch"], "precision": request["precision"],
    }
    return {}


def steps(request: dict) -> dict:
    entry = made[request["name"]]
    inputs, labels = entry["batch"]
    begun = time.perf_counter()
    for _ in range(request["count"]):
        with autocast(entry["precision"]):
            entry["method"].step(inputs, labels)
    return {"seconds": time.perf_counter() - begun}


def samples(request: dict) -> dict:
    shape, count = request["shape"], request["samples"]
    features = [torch.randn(count, shape["width"]) for _ in range(shape["modalities"])]
    data["set"] = TensorDataset(*features, torch.arange(count) % shape["classes"])
    return {}


def epoch(request: dict) -> dict:
    entry = made[request["name"]]
    begun = time.perf_counter()
    loader = DataLoader(data["set"], batch_size=entry["size"], shuffle=True, num_workers=request["workers"])
    total = 0.0
    for *inputs, labels in loader:
        with autocast(entry["precision"]):
            total += entry["method"].step(inputs, labels)
    return {"seconds": time.perf_counter() - begun, "steps": len(loader)}


def once(request: dict) -> dict:
    """One step from the weights and on the batch of a file, under the names that our model gives them."""
    tensors = load_file(request["file"])
    modalities = request["modalities"]
    hidden, classes = tensors["m0.embedding.weight"].shape[0], tensors["fusion.classifier.bias"].shape[0]
    widths = [tensors[f"m{m}.embedding.weight"].shape[1] for m in range(modalities)]
    method = build(request["method"], widths, hidden, classes, request["steps"])
    method.done = request["step"]
    if request["optimizer"] == "sgd":
        method.optimizer = torch.optim.SGD(method.model.parameters(), lr=1.0)
    for name, value in request.get("settings", {}).items():
        setattr(method, name, value)
    names = {"fusion.classifier": method.model.classifier}
    for m in range(modalities):
        names |= {f"m{m}.embedding": method.model.embeddings[m], f"m{m}.head": method.model.heads[m]}
    parameters = {f"{n}.{part}": getattr(layer, part) for n, layer in names.items() for part in ("weight", "bias")}
    with torch.no_grad():
        for name, p in parameters.items():
            p.copy_(tensors[name])
    method.step([tensors[f"input.m{m}"] for m in range(modalities)], tensors["labels"])
    save_file({name: p.detach().contiguous() for name, p in parameters.items()}, request["to"])
    return {}


@torch.no_grad()
def accuracy(model: LateFusion, inputs: list[torch.Tensor], labels: torch.Tensor) -> float:
    right = 0
    for start in range(0, len(labels), 1024):
        _, logits = model([x[start:start + 1024] for x in inputs])
        right += (logits.argmax(dim=1) == labels[start:start + 1024]).sum().item()
    return right / len(labels)


def compare(request: dict) -> dict:
    """Methods by seeds, one after the other: epochs, the best by validation, and the test with each modality missing."""
    begun = time.perf_counter()
    folder = Path(request["folder"])
    splits = {}
    for name in ("train", "validation", "test"):
        tensors = load_file(folder / f"{name}.safetensors")
        labels = tensors.pop("labels")
        splits[name] = ([tensors[m] for m in request["modalities"]], labels)
    inputs, labels = splits["train"]
    training = TensorDataset(*inputs, labels)
    widths = [x.shape[1] for x in inputs]
    scores = {}
    for name in request["methods"]:
        for seed in range(request["seeds"]):
            size = request["batch"]
            total = request["epochs"] * ((len(labels) + size - 1) // size)
            method = build(name, widths, request["hidden"], request["classes"], total, seed)
            best, kept = -1.0, None
            for _ in range(request["epochs"]):
                for *batch, truth in DataLoader(training, batch_size=size, shuffle=True):
                    method.step(batch, truth)
                score = accuracy(method.model, *splits["validation"])
                if score > best:
                    best, kept = score, copy.deepcopy(method.model.state_dict())
            method.model.load_state_dict(kept)
            tested, truth = splits["test"]
            row = [accuracy(method.model, tested, truth)]
            for absent in range(len(tested)):
                there = [torch.zeros_like(x) if m == absent else x for m, x in enumerate(tested)]
                row.append(accuracy(method.model, there, truth))
            scores[f"{name}/{seed}"] = row
    return {"seconds": time.perf_counter() - begun, "scores": scores}


def main() -> None:
    doing = {"make": make, "steps": steps, "data": samples, "epoch": epoch, "once": once, "compare": compare}
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "threads":
            torch.set_num_threads(request["count"])
            answer = {"torch": torch.__version__}
        elif request["do"] == "forget":
            made.clear()
            data.clear()
            answer = {}
        else:
            answer = doing[request["do"]](request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
