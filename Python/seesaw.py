"""Which modality does a model lean on? Seesaw asks a Python function and says.

    import seesaw
    result = seesaw.audit(predict, "my-folder")
    print(result)              # the answer in words and figures
    result.words, result.table, result.record
    result.report()            # opens the page

`predict` is given a list of samples, {"image": PIL.Image or None, "text": str or None, "audio": path or None}, and returns
a number for every class of each: probabilities [N, C], or logits with `output="logits"`; rows may also be tables by class.
None is declared absence. Of a feature set it is given {"features": {modality: list of numbers or None}}.

Needs Python 3.9 and the command `seesaw`; Pillow for pictures; NumPy and pandas are used where they are there.
"""

import importlib.util
import json
import math
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid

__all__ = ["audit", "command", "main", "Audit", "Failure"]


class Failure(RuntimeError):
    """What the command said instead of an answer."""


def command():
    """Where the command is: SEESAW, beside this file, in the checkout it is in, or on the PATH."""
    named = os.environ.get("SEESAW")
    here = pathlib.Path(__file__).resolve().parent
    builds = [here.parent / ".build" / kind / "seesaw" for kind in ("release", "debug")]
    for place in ([pathlib.Path(named)] if named else []) + [here / "seesaw"] + builds:
        if place.is_file() and os.access(place, os.X_OK):
            return str(place)
    found = None if named else shutil.which("seesaw")
    if found is None:
        raise Failure(
            f"there is no command '{named}', which SEESAW names"
            if named
            else "there is no command 'seesaw': run 'make build' in the checkout, or name it in the variable SEESAW"
        )
    return found


def main():
    """What the wheel installs as `seesaw`: the command, in place of this process."""
    place = command()
    os.execve(place, [place, *sys.argv[1:]], _environment())


def _environment():
    """This process's environment, in a wheel with the folder of PyTorch's libraries where they are not beside it."""
    environment = dict(os.environ)
    here = pathlib.Path(__file__).resolve().parent
    if not (here / "seesaw").is_file() or (here.parent / "torch" / "lib").is_dir():
        return environment
    found = importlib.util.find_spec("torch")
    if found is None or not found.origin:
        raise Failure("PyTorch is not installed, whose libraries Seesaw computes with: pip install torch")
    folders = [str(pathlib.Path(found.origin).parent / "lib"), environment.get("LD_LIBRARY_PATH")]
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(folder for folder in folders if folder)
    return environment


def audit(predict, data, *, out=None, output="probabilities", batch=32, version=None, images="pil", quiet=False, **options):
    """Asks `predict` about the samples of a folder, and returns an `Audit`.

    out      the folder of the answer; None makes runs/audit-NAME
    output   what `predict` returns: "probabilities" or "logits"
    batch    samples at a time, at most
    version  names the state of the model: answers are taken again only for the same; None asks everything anew
    images   "pil" opens pictures, "path" gives their paths
    options  of `seesaw audit --help`: samples=200, swaps=5, grid=50, classes=["a", "b"], impairments="blur=5", …
    """
    if not callable(predict):
        raise TypeError("predict must be a function of a list of samples")
    if output not in ("probabilities", "logits"):
        raise ValueError(f"output is {output!r}, not 'probabilities' or 'logits'")
    if images not in ("pil", "path"):
        raise ValueError(f"images is {images!r}, not 'pil' or 'path'")
    if batch < 1:
        raise ValueError(f"batch is {batch}, at least 1 is needed")
    data = os.fspath(data)
    name = pathlib.Path(data).resolve().name or "data"
    out = pathlib.Path(out) if out is not None else pathlib.Path("runs") / f"audit-{name}"
    words = [command(), "audit", data, "--command", "-", "--out", str(out), "--window", str(max(2 * batch, 64))]
    words += ["--stamp", version if version is not None else str(uuid.uuid4()), "--timeout", "1000000"]
    words += _options(options)
    asked = _Talk(words, quiet)
    opened = _Pictures() if images == "pil" else None
    try:
        while True:
            requests = asked.next(batch)
            if not requests:
                break
            asked.answer(requests, _rows(predict([_sample(r, opened) for r in requests]), len(requests)), output)
    except BaseException:
        asked.stop()
        raise
    asked.end()
    return Audit(out)


def _options(options):
    words = []
    for key, value in options.items():
        flag = "--" + key.replace("_", "-")
        if value is True:
            words.append(flag)
        elif isinstance(value, (list, tuple)) and key == "classes":
            words += [flag, ",".join(map(str, value))]
        elif isinstance(value, (list, tuple)):
            for one in value:
                words += [flag, str(one)]
        elif value is not None and value is not False:
            words += [flag, str(value)]
    return words


class _Talk:
    """The command, which asks on its standard output and is answered on its standard input."""

    def __init__(self, words, quiet):
        self.said = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said if quiet else subprocess.PIPE,
            env=_environment(),
        )
        self.hearing = None
        if not quiet:
            self.hearing = threading.Thread(target=self._hear, daemon=True)
            self.hearing.start()
        self.lines = queue.Queue()
        self.reading = threading.Thread(target=self._read, daemon=True)
        self.reading.start()
        self.is_over = False

    def _hear(self):
        # A notebook shows sys.stderr, not the process's own.
        for line in self.process.stderr:
            self.said.write(line)
            sys.stderr.write(line.decode(errors="replace"))

    def _read(self):
        # So the command never waits for a model that computes.
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def next(self, most):
        """At least one request, and of those that have come at most so many; none at the end."""
        requests = []
        while len(requests) < most and not self.is_over:
            try:
                line = self.lines.get(block=not requests)
            except queue.Empty:
                break
            if line is None:
                self.is_over = True
            else:
                requests.append(json.loads(line))
        return requests

    def answer(self, requests, rows, output):
        lines = [json.dumps({"id": request["id"], output: row}) for request, row in zip(requests, rows)]
        try:
            self.process.stdin.write(("\n".join(lines) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self.is_over = True

    def stop(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        status = self.process.wait()
        if self.hearing is not None:
            self.hearing.join(5)
        if status not in (0, 2):
            self.said.seek(0)
            said = self.said.read().decode(errors="replace")
            raise Failure(said[said.rfind("error:") :].strip() or f"the command ended with the status {status}")


class _Pictures:
    """Opens pictures; one that stands for many is opened once."""

    def __init__(self):
        self.last = (None, None)

    def __call__(self, path):
        try:
            from PIL import Image
        except ImportError as error:
            raise Failure("pictures need Pillow (pip install pillow); images='path' gives their paths instead") from error
        if self.last[0] != path:
            with Image.open(path) as picture:
                self.last = (path, picture.convert("RGB"))
        return self.last[1].copy()


def _sample(request, opened):
    """What the function is given of a request."""
    sample = {key: value for key, value in request.items() if key != "id"}
    image = sample.get("image")
    if opened is not None and image is not None:
        sample["image"] = [opened(path) for path in image] if isinstance(image, list) else opened(image)
    return sample


def _rows(answers, count):
    """Rows of plain numbers, from an array, a tensor, or lists."""
    for convert in ("detach", "cpu", "numpy"):
        if hasattr(answers, convert):
            answers = getattr(answers, convert)()
    rows = answers.tolist() if hasattr(answers, "tolist") else list(answers)
    if len(rows) != count:
        raise ValueError(f"predict returned {len(rows)} rows for {count} samples")
    return [_row(row) for row in rows]


def _row(row):
    if isinstance(row, dict):
        return {str(name): _number(value) for name, value in row.items()}
    if hasattr(row, "tolist"):
        row = row.tolist()
    if not isinstance(row, (list, tuple)):
        raise ValueError(f"predict returned {row!r} where a row of numbers belongs: one number for every class")
    return [_number(value) for value in row]


def _number(value):
    value = float(value)
    if not math.isfinite(value):
        raise ValueError(f"predict returned {value}, which is no finite number")
    return value


class Audit:
    """An audit that has been made, in its folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.record = json.loads((self.folder / "audit.json").read_text(encoding="utf-8"))

    @property
    def words(self):
        """The answer, a list of sentences."""
        return self.record.get("words", [])

    @property
    def scores(self):
        """Scores by condition."""
        return {name: score["value"] for name, score in self.record["scores"].items()}

    @property
    def table(self):
        """What the model gives the true class, a row for every sample and a column for every condition: a list of tables,
        or a pandas frame where pandas is there. Logits stay logits."""
        tensors, names = _tensors(self.folder / "table.safetensors")
        labels, classes = tensors.pop("labels", ((), ()))[1], names["classes"]
        rows = [{"id": name} for name in names["ids"]]
        for name, (shape, values) in sorted(tensors.items()):
            if shape != [len(rows), len(classes)] or len(labels) != len(rows):
                continue
            for row, entry in enumerate(rows):
                entry["label"] = classes[labels[row]]
                entry[name] = values[row * len(classes) + labels[row]]
        try:
            import pandas
        except ImportError:
            return rows
        return pandas.DataFrame(rows)

    def report(self, show=True):
        """The page of the audit, opened in a browser; returns its path."""
        page = self.folder / "report" / "index.html"
        if not page.is_file():
            raise Failure(f"there is no page in '{page.parent}'")
        if show:
            import webbrowser

            webbrowser.open(page.resolve().as_uri())
        return page

    def __str__(self):
        scores = [f"{name:<24}{100 * value:6.1f} %" for name, value in self.scores.items()]
        return "\n".join(list(self.words) + [""] + scores)

    def __repr__(self):
        return f"<seesaw.Audit of {self.record['samples']} samples in {self.folder}>"


def _tensors(path):
    """Numbers of a safetensors file of an audit, by name, and the lists of texts in its header."""
    import struct

    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    names = {key: json.loads(value) for key, value in header.pop("__metadata__", {}).items()}
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        form = {"F64": "d", "I64": "q"}[entry["dtype"]]
        tensors[name] = (entry["shape"], struct.unpack(f"<{(end - start) // 8}{form}", data[start:end]))
    return tensors, names
