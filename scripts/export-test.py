"""Exported models in runtimes that are not ours, against `seesaw predict`: `export-test.py SEESAW [WORD]`, of titles with WORD.

Every fusion and every method of `joint`'s kind and others with predictions of their own, tasks with one and several labels and a
number, and an encoder trained within the model; each with everything there, and with each modality absent.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
import safetensors.numpy
import torch

SEESAW = str(pathlib.Path(sys.argv[1]).resolve())
FUSIONS = ["concatenation", "addition", "attention", "cross_attention", "gated", "bilinear"]
METHODS = [
    "fulcrum", "unimodal", "ume", "mla", "lfm", "mmcosine", "reconboost", "iprm", "g2d", "aug", "crmt", "greedy", "amco",
    "rollingq", "logistic", "balgrad",
]
WIDTH, ROWS = 6, 60


def run(*words, folder, given=None):
    done = subprocess.run([SEESAW, *words], cwd=folder, input=given, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"export-test: seesaw {' '.join(words)}\n{done.stderr}")
    return done.stdout


def features(folder, name, task, modalities, pixels=()):
    random = numpy.random.default_rng(0)
    classes = 3
    data = folder / name
    data.mkdir()
    about = {
        "format": "seesaw-features/1", "name": name, "task": task, "modalities": modalities,
        "classes": [] if task == "regression" else ["red", "green", "blue"][:classes],
        "metric": {"regression": "r2", "multi-label": "macro-f1"}.get(task, "accuracy"),
    }
    (data / "dataset.json").write_text(json.dumps(about))
    for split, count in [("train", ROWS), ("validation", 15), ("test", 18)]:
        truth = numpy.arange(count) % classes
        arrays = {}
        for modality in modalities:
            if modality in pixels:
                arrays[modality] = random.integers(1, 200, (count, 3, 32, 32)).astype(numpy.uint8)
            else:
                rows = random.normal(size=(count, WIDTH))
                rows[numpy.arange(count), truth] += 2
                arrays[modality] = rows.astype(numpy.float32)
        labels = truth.astype(numpy.int64)
        if task == "multi-label":
            labels = (truth[:, None] == numpy.arange(classes)).astype(numpy.uint8)
        if task == "regression":
            labels = (100 + 20 * truth + random.normal(size=count)).astype(numpy.float32)
        safetensors.numpy.save_file({**arrays, "labels": labels}, data / f"{split}.safetensors")
    return data


def compare(folder, run_name, modalities, pixels=()):
    random = numpy.random.default_rng(1)
    rows = {
        m: random.integers(1, 200, (7, 3, 32, 32)).astype(numpy.uint8) if m in pixels
        else random.normal(size=(7, WIDTH)).astype(numpy.float32)
        for m in modalities
    }
    run("export", run_name, "--out", "model.onnx", "-q", folder=folder)
    run("export", run_name, "--out", "model.pt", "-q", folder=folder)
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == [*modalities, "present"]
    about = json.loads(session.get_modelmeta().custom_metadata_map["seesaw"])
    module = torch.jit.load(str(folder / "model.pt")).eval()

    # Each row with everything there, then without each of the modalities.
    absences = [(), *((m,) for m in modalities)]
    present = numpy.array([[m not in absent for m in modalities] for absent in absences for _ in range(7)])
    given = {m: numpy.concatenate([rows[m]] * len(absences)) for m in modalities}
    for place, m in enumerate(modalities):
        # What is not there may be anything.
        given[m][~present[:, place]] = 0
    lines = [
        json.dumps({"features": {
            m: given[m][row].reshape(-1).tolist() for place, m in enumerate(modalities) if present[row, place]}})
        for row in range(len(present))
    ]
    answers = run("predict", run_name, "--no-detect-empty", "-q", folder=folder, given="\n".join(lines) + "\n")
    answers = [json.loads(line) for line in answers.splitlines()]
    classes = about["classes"]
    expected = numpy.array([[a["probabilities"][c] for c in classes] if classes else [a["value"]] for a in answers])
    by_onnx = session.run(None, {**given, "present": present})[0]
    by_torch = module(*[torch.from_numpy(given[m]) for m in modalities], torch.from_numpy(present))
    by_torch = (by_torch if isinstance(by_torch, torch.Tensor) else by_torch[0]).numpy()
    scale = 1 if classes else numpy.abs(expected).max()
    worst = max(numpy.abs(by_onnx - expected).max(), numpy.abs(by_torch - expected).max()) / scale
    assert worst < 1e-5, f"{run_name}: off by {worst}"
    return worst


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        two, three = ["image", "text"], ["image", "text", "sound"]
        features(folder, "plain", "single-label", two)
        features(folder, "three", "single-label", three)
        features(folder, "several", "multi-label", two)
        features(folder, "number", "regression", two)
        features(folder, "pixels", "single-label", two, pixels=["image"])
        cases = [(f"three {f}", "three", ["--method", "uniform", "--set", f"model.fusion={f}"], three, ()) for f in FUSIONS]
        cases += [(m, "plain", ["--method", m], two, ()) for m in METHODS]
        cases += [(f"several labels, {m}", "several", ["--method", m], two, ()) for m in ("joint", "ume", "mla")]
        cases += [(f"a number, {m}", "number", ["--method", m], two, ()) for m in ("joint", "unimodal")]
        cases += [
            (f"pictures by {e}", "pixels", ["--method", "joint", "--set", f"model.encoders.image={e}"], two, ("image",))
            for e in ("small-cnn", "resnet-18", "vit-tiny")
        ]
        cases = [case for case in cases if not sys.argv[2:] or sys.argv[2] in case[0]]
        quick = ["--set", "training.epochs=1", "--set", "training.threads=2", "-q"]
        for number, (title, data, words, modalities, pixels) in enumerate(cases):
            run("train", data, *words, *quick, "--out", f"run-{number}", folder=folder)
            print(f"export-test: {title}: off by {compare(folder, f'run-{number}', modalities, pixels):.1e}", flush=True)
        print(
            f"export-test: {len(cases)} models answer as the command does, in ONNX Runtime {onnxruntime.__version__} and "
            f"PyTorch {torch.__version__}")


main()
