"""Tries the built server as strangers would, and measures it against the same weights in FastAPI and PyTorch.

    scripts/serve-test.py SERVER [--run RUN] [--quick] [--only description,malformed,stop,memory,speed]

1. description  schemathesis, on what /openapi.json allows and does not
2. malformed    10,000 requests that are none: a status of 4xx and a sentence each, no growth
3. stop         SIGTERM while clients ask: every request that the server took is answered
4. memory       after 100,000 requests within 5 % of that after 10,000
5. speed        requests a second and p99, against FastAPI, on the same cores, by wrk

Prints what it found, and ends with 1 where 1 to 4 do not hold. Without --run a model is trained on features of Data/emoji by the
command beside SERVER. Schemathesis, FastAPI and uvicorn are fetched into .serve-test. Everything is on 127.0.0.1. Needs Linux, for
the memory of a process is read from /proc; wrk (Debian's package) for 4 and 5.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PACKAGES = ["schemathesis==4.32.5", "fastapi==0.165.0", "uvicorn[standard]==0.54.0"]
here = pathlib.Path(__file__).resolve().parent.parent
fetched = here / ".serve-test"
parser = argparse.ArgumentParser()
parser.add_argument("server")
parser.add_argument("--run")
parser.add_argument("--quick", action="store_true")
parser.add_argument("--requests", type=int, default=100_000, help="for the memory, which is looked at after 10,000 and at the end")
parser.add_argument("--only", default="description,malformed,stop,memory,speed")
options = parser.parse_args()
server = os.path.abspath(options.server)
scale = 20 if options.quick else 1
wrong = []


def check(holds, words):
    print(("ok     " if holds else "WRONG  ") + words, flush=True)
    if not holds:
        wrong.append(words)


def environment():
    """With the fetched packages, which are fetched once."""
    mark = fetched / "packages.txt"
    if not mark.exists() or mark.read_text() != "\n".join(PACKAGES):
        shutil.rmtree(fetched, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(fetched)]
        subprocess.run(pip + PACKAGES, check=True)
        mark.write_text("\n".join(PACKAGES))
    return dict(os.environ, PYTHONPATH=str(fetched))


def trained(folder):
    """A run of joint training on features of the emoji data."""
    command = pathlib.Path(server).with_name("seesaw")
    subprocess.run([command, "encode", here / "Data/emoji", "--out", folder / "data", "-q"], check=True, cwd=folder)
    training = ["--method", "joint", "--out", folder / "run", "-q", "--set", "training.epochs=5"]
    subprocess.run([command, "train", folder / "data", *training], check=True, cwd=folder)
    return folder / "run"


class Served:
    """The server on a free port."""

    def __init__(self, run, *words):
        self.process = subprocess.Popen(
            [server, str(run), "--names", "emoji", "--port", "0", *words], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "listening at" in line:
                self.port = int(line.split("127.0.0.1:")[1].split()[0])
                break
        self.talk = []
        self.reader = threading.Thread(target=lambda: self.talk.extend(self.process.stderr), daemon=True)
        self.reader.start()

    @property
    def memory(self):
        pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / (1 << 20)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.reader.join()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def samples(run, count):
    """Features of made-up samples, as wide as the model takes them."""
    import safetensors

    with safetensors.safe_open(run / "missing.safetensors", "numpy") as file:
        widths = {name: file.get_tensor(name).size for name in file.keys()}
    generator = random.Random(1)
    return [
        {"features": {name: [round(generator.gauss(0, 1), 4) for _ in range(width)] for name, width in widths.items()}}
        for _ in range(count)
    ]


# 1


def description(run):
    (fetched / "schemathesis.toml").write_text(
        "[checks.positive_data_acceptance]\nexpected-statuses = [200, 413, 422]\n"
        "[checks.negative_data_rejection]\nexpected-statuses = [400, 404, 405, 413, 415, 422]\n")
    with Served(run) as served:
        words = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{served.port}/openapi.json"]
        words += ["--max-examples", str(max(20, 300 // scale)), "--seed", "1", "--exclude-checks", "unsupported_method"]
        done = subprocess.run(
            words, env=environment(), cwd=fetched, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lines = done.stdout.strip().splitlines()
        if done.returncode:
            print("\n".join(lines[-200:]))
        check(done.returncode == 0, "schemathesis: " + " ".join(line.strip() for line in lines[-12:] if " generated, " in line))
        check(served.stop() == 0, "the server lives and stops")


# 2


def raw(port, data):
    """What is answered to some bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        answer = b""
        try:
            connection.sendall(data)
            while part := connection.recv(65536):
                answer += part
                head, gap, body = answer.partition(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                if gap and length and len(body) >= int(length[0].split(b":")[1]):
                    return answer
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer


def malformed_request(generator, good):
    """Bytes that are no request for a prediction, each of another kind."""
    path = "/v1/models/emoji/predict"

    def post(body, kind="application/json", where=path, method="POST"):
        body = body if isinstance(body, bytes) else body.encode()
        head = f"{method} {where} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        return f"{head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def noise(count):
        return generator.randbytes(generator.randrange(1, count))

    def word():
        return "".join(generator.choice("abcxyz/%_.-") for _ in range(generator.randrange(1, 30)))

    text = json.dumps(good)
    values = [1, "x", True, [], {}, [[1]], [None, "a"], {"image": [1, 2]}, {"image": "x"}, {"smell": [1.0]}, 1e400]
    key = generator.choice(["text", "image", "audio", "features"])
    value = generator.choice(values)
    kinds = [
        lambda: noise(200).replace(b"\n", b"") + b"\r\n\r\n",
        lambda: post(text[: generator.randrange(1, len(text) - 1)]),
        lambda: post(noise(500)),
        lambda: post(json.dumps({key: value if key == "features" and value != {} else [[1]]})),
        lambda: post(json.dumps({"instances": generator.choice([1, "x", [], {}, None and 0, True])})),
        lambda: post(json.dumps({"image": generator.choice(["/etc/passwd", "a.png", "../x.jpg", "file:///etc/passwd"])})),
        lambda: post(json.dumps({"image": "data:image/png;base64," + "QUJD" * generator.randrange(1, 200)})),
        lambda: post(text, kind=generator.choice(["text/html", "application/xml", "x", "multipart/form-data"])),
        lambda: post(noise(500), kind="multipart/form-data; boundary=cut"),
        lambda: post(b"--cut\r\n" + noise(100) + b"\r\n--cut--\r\n", kind="multipart/form-data; boundary=cut"),
        lambda: post(text, where="/" + word()),
        lambda: post("", method=generator.choice(["GET", "PUT", "DELETE", "PATCH"])),
        lambda: post("[" * generator.randrange(1, 5000)),
        lambda: f"POST {path} HTTP/1.1\r\nContent-Length: {generator.choice(['-1', 'x', '99999999999'])}\r\n\r\n".encode(),
        lambda: f"POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + b"zz\r\n",
        lambda: b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    ]
    return generator.choice(kinds)()


def malformed(run):
    generator = random.Random(1)
    good = samples(run, 1)[0]
    total = 10_000 // scale
    with Served(run, "--max-body", "1MB") as served:
        bad, memory = [], None
        for number in range(total):
            request = malformed_request(generator, good)
            answer = raw(served.port, request)
            status = answer[9:12].decode(errors="replace")
            try:
                error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["what"]
            except (ValueError, KeyError, TypeError):
                error = ""
            if not (status.startswith("4") and error):
                bad.append((request[:200], answer[:200]))
            if number == total // 10:
                memory = served.memory
        for request, answer in bad[:5]:
            print("       ", request, "->", answer)
        check(not bad, f"{total} malformed requests: {len(bad)} without a status of 4xx and a sentence")
        growth = served.memory / memory - 1
        check(growth < 0.05, f"memory {memory:.0f} MiB after {total // 10} of them, {growth:+.1%} after all")
        check(served.stop() == 0, "the server lives and stops")


# 3


def stop(run):
    body = json.dumps(samples(run, 1)[0])
    headers = {"Content-Type": "application/json"}
    for number in range(10 if scale == 1 else 2):
        with Served(run) as served:
            answered, unanswered, broken, refused, lock = 0, 0, 0, 0, threading.Lock()

            def ask(keeps):
                nonlocal answered, unanswered, broken, refused
                connection = None
                while True:
                    try:
                        if connection is None:
                            connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
                            connection.connect()
                    except OSError:
                        with lock:
                            refused += 1
                        return
                    try:
                        connection.request("POST", "/v1/models/emoji/predict", body, headers)
                        answer = connection.getresponse()
                        data = answer.read()
                        with lock:
                            answered += 1
                            broken += answer.status != 200 or not data.endswith(b"}\n")
                        if not keeps or answer.headers["Connection"] == "close":
                            connection.close()
                            connection = None
                    except (OSError, http.client.HTTPException):
                        with lock:
                            unanswered += 1
                        connection = None

            clients = [threading.Thread(target=ask, args=(number % 2 == 0,)) for number in range(16)]
            for client in clients:
                client.start()
            time.sleep(0.5)
            status = served.stop()
            for client in clients:
                client.join()
            counted = [line for line in served.talk if line.startswith("stopped after ")]
            taken = int(counted[0].split()[2].replace(",", "")) if counted else -1
            check(
                status == 0 and broken == 0 and taken == answered,
                f"SIGTERM under load: status {status}, {taken} requests taken, {answered} answers arrived, {broken} broken; "
                f"{unanswered} connections reset before the server saw them")


# 4 and 5


def script(folder, name, path, bodies):
    """A Lua script for wrk that sends these bodies in turn."""
    lines = ["wrk.method = 'POST'", "wrk.headers['Content-Type'] = 'application/json'", "local bodies = {"]
    lines += [f"  [==[{json.dumps(body)}]==]," for body in bodies]
    lines += ["}", "local i = 0", "request = function()", "  i = i % #bodies + 1"]
    lines += [f"  return wrk.format(nil, '{path}', nil, bodies[i])", "end"]
    file = folder / f"{name}.lua"
    file.write_text("\n".join(lines))
    return file


def wrk(port, lua, connections, seconds):
    """Requests a second, p99 in milliseconds, and how many were answered otherwise than with 200."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", str(lua)]
    out = subprocess.run(words + [f"http://127.0.0.1:{port}/"], check=True, capture_output=True, text=True).stdout
    units = {"us": 1e-3, "ms": 1, "s": 1e3}
    rate, p99, failed, count = 0.0, 0.0, 0, 0
    for line in out.splitlines():
        words = line.split()
        if line.strip().startswith("99%"):
            unit = next(unit for unit in units if words[1].endswith(unit))
            p99 = float(words[1][: -len(unit)]) * units[unit]
        elif "Requests/sec" in line:
            rate = float(words[1])
        elif "Non-2xx" in line:
            failed = int(words[-1])
        elif "requests in" in line:
            count = int(words[0])
    return rate, p99, failed, count


def memory(run, folder):
    lua = script(folder, "memory", "/v1/models/emoji/predict", samples(run, 16))
    with Served(run) as served:
        done, first, most, wrong_answers = 0, None, options.requests // scale, 0
        while done < most:
            _, _, failed, count = wrk(served.port, lua, 8, 2)
            done += count
            wrong_answers += failed
            if first is None and done >= min(10_000, most // 10):
                first = (done, served.memory)
        growth = served.memory / first[1] - 1
        check(wrong_answers == 0 and growth < 0.05, f"memory {first[1]:.0f} MiB after {first[0]} requests, {growth:+.1%} after {done}")


FASTAPI = '''
import os, sys, json
import torch, safetensors.torch
from fastapi import FastAPI
from pydantic import BaseModel

torch.set_num_threads(1)
run = os.environ["SEESAW_RUN"]
weights = safetensors.torch.load_file(run + "/weights.safetensors")
missing = safetensors.torch.load_file(run + "/missing.safetensors")
record = json.load(open(run + "/run.json"))
names, classes = record["data"]["modalities"], record["data"]["classes"]
layers = [torch.nn.Linear(missing[n].numel(), weights[n + ".embedding.weight"].shape[0]) for n in names]
last = torch.nn.Linear(sum(l.out_features for l in layers), len(classes))
# What features are multiplied by: "image=2,text=16".
said = record["configuration"]["data"].get("scale") or ""
scales = dict(part.split("=") for part in said.split(",") if "=" in part)
with torch.no_grad():
    for n, l in zip(names, layers):
        l.weight.copy_(weights[n + ".embedding.weight"] * float(scales.get(n, 1)))
        l.bias.copy_(weights[n + ".embedding.bias"])
    last.weight.copy_(weights["fusion.classifier.weight"])
    last.bias.copy_(weights["fusion.classifier.bias"])
app = FastAPI()

class Sample(BaseModel):
    features: dict[str, list[float] | None]

class Samples(BaseModel):
    instances: list[Sample]

def answers(samples):
    with torch.inference_mode():
        parts = [
            layer(torch.tensor([s.features.get(n) or missing[n].flatten().tolist() for s in samples]))
            for n, layer in zip(names, layers)
        ]
        rows = torch.softmax(last(torch.cat(parts, 1)).double(), 1)
        best = rows.argmax(1).tolist()
    return [
        {"labels": [classes[b]], "probabilities": dict(zip(classes, r))} for b, r in zip(best, rows.tolist())
    ]

@app.post("/one")
async def one(sample: Sample):
    return answers([sample])[0]

@app.post("/many")
async def many(samples: Samples):
    return {"predictions": answers(samples.instances)}
'''


@contextlib.contextmanager
def fastapi(run, folder, workers):
    (folder / "app.py").write_text(FASTAPI)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--workers", str(workers)]
    words += ["--log-level", "warning", "--no-access-log"]
    process = subprocess.Popen(words, cwd=folder, env=dict(environment(), SEESAW_RUN=str(run)), start_new_session=True)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            time.sleep(0.1)
        time.sleep(2 * workers)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def post(port, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())


def speed(run, folder):
    ones = samples(run, 64)
    many = [{"instances": ones[start : start + 32]} for start in (0, 32)]
    ways = [("1 sample, 1 connection", "one", ones, 1), ("1 sample, 32 connections", "one", ones, 32)]
    ways += [("32 samples, 1 connection", "many", many, 1), ("32 samples, 8 connections", "many", many, 8)]
    rounds, seconds = (3, 5) if scale == 1 else (1, 2)
    found = {}
    with Served(run, "--threads", "1") as served, fastapi(run, folder, 1) as single, fastapi(run, folder, 2) as double:
        places = {"Seesaw": (served.port, "/v1/models/emoji/predict", "/v1/models/emoji/predict")}
        places |= {"FastAPI, 1 worker": (single, "/one", "/many"), "FastAPI, 2 workers": (double, "/one", "/many")}
        ours, theirs = (post(places[n][0], places[n][1], ones[0]) for n in ("Seesaw", "FastAPI, 1 worker"))
        apart = max(abs(ours["probabilities"][c] - p) for c, p in theirs["probabilities"].items())
        check(apart < 1e-4, f"the same model: probabilities differ by {apart:.1e} at most")
        for _ in range(rounds):
            for way, kind, bodies, connections in ways:
                for name, (port, one, path) in places.items():
                    lua = script(folder, "speed", one if kind == "one" else path, bodies)
                    found.setdefault((way, name), []).append(wrk(port, lua, connections, seconds))
    print(f"\n| | {' | '.join(places)} | requests against the better FastAPI | p99 against it |")
    print("|---|" + "--:|" * (len(places) + 2))
    for way, *_ in ways:
        # Of each the median round.
        middle = {n: sorted(found[way, n])[len(found[way, n]) // 2] for n in places}
        better = max((n for n in places if n != "Seesaw"), key=lambda n: middle[n][0])
        cells = [f"{rate:,.0f}/s, {p99:.1f} ms" for rate, p99, *_ in middle.values()]
        ratio = middle["Seesaw"][0] / middle[better][0]
        print(f"| {way} | {' | '.join(cells)} | {ratio:.1f} × | {middle['Seesaw'][1] / middle[better][1]:.2f} × |", flush=True)
        check(all(row[2] == 0 for n in places for row in found[way, n]), f"{way}: every answer is 200")


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    run = pathlib.Path(options.run).resolve() if options.run else trained(folder)
    wanted = options.only.split(",")
    environment()
    if "description" in wanted:
        description(run)
    if "malformed" in wanted:
        malformed(run)
    if "stop" in wanted:
        stop(run)
    if shutil.which("wrk"):
        if "memory" in wanted:
            memory(run, folder)
        if "speed" in wanted:
            speed(run, folder)
    elif {"memory", "speed"} & set(wanted):
        print("wrk is not here: memory and speed are not measured (apt-get install wrk)")
sys.exit(1 if wrong else 0)
