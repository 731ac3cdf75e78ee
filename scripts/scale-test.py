#!/usr/bin/env python3
"""Encodes thousands of shards by many processes at once, and joins them.

  scripts/scale-test.py [--seesaw PATH] [--processes 64] [--shards 10000] [--kill-shards 1000] [--slow] [--keep FOLDER]

1. Two short texts a shard, taken by turns (encode --shard next) by many processes at once: no shard may be done twice and
   none be left, and no row be encoded twice.
2. With --slow the folder is a small ext4 file system that is mounted so that every write waits for the disk (sync, dirsync;
   Linux, as root): claims are files, and a slow disk is where two processes would meet.
3. A thousand shards by eight processes of which one is killed every dozen shards or so, wherever it is, and another begun.
   What the killed ones had is given up at once: their claims are made old.

What is joined must be the features of one process, byte for byte, in both. Prints what it took, a line of JSON at the end.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = "red green blue small large round flat old new cat dog bird tree house boat lamp stone river cloud road".split()
OWN = ["--text-encoder", "hashed-ngrams", "--views", "none", "--name", "made", "--quiet"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def say(words):
    print(f"scale test: {words}", flush=True)


def fail(words):
    sys.exit(f"scale test: {words}")


def samples(folder, count):
    """Texts of two classes, no two alike."""
    numbers = random.Random(1)
    folder.mkdir(parents=True)
    lines = ["id,text,label,split"]
    for i in range(count):
        split = ("train", "train", "train", "validation", "test")[i // 2 % 5]
        lines.append(f"{i},sample {i} of {' '.join(numbers.sample(WORDS, 5))},{'ab'[i % 2]},{split}")
    (folder / "samples.csv").write_text("\n".join(lines) + "\n")


class Harness:
    def __init__(self, seesaw, folder):
        self.seesaw = seesaw
        self.folder = folder
        self.measured = {}

    def command(self, *arguments):
        return [self.seesaw, "encode", *arguments]

    def run(self, *arguments):
        begun = time.monotonic()
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, env=ENVIRONMENT)
        if done.returncode != 0:
            fail(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
        return done.stdout, time.monotonic() - begun

    def start(self, raw, out, shards):
        return subprocess.Popen(
            self.command(str(raw), "--out", str(out), "--shard", "next", "--of", str(shards), "--json", *OWN),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)

    def status(self, raw, out):
        answer, seconds = self.run(str(raw), "--out", str(out), "--status", "--json")
        return json.loads(answer), seconds

    def joined(self, raw, out, whole, name):
        """Joins in place, and copied: the copy must be the files of one process."""
        records = Path(f"{out}.cache/shards/{out.name}")
        kept = records.parent / "kept"
        shutil.copytree(records, kept)
        _, self.measured[f"{name}_join_seconds"] = self.run(str(raw), "--out", str(out), "--join", *OWN)
        self.measured[f"{name}_joined_bytes"] = sum(
            f.stat().st_size for f in out.rglob("*") if f.is_file() and f.suffix != ".rows")
        self.measured[f"{name}_rows_bytes"] = sum(f.stat().st_size for f in out.rglob("*.rows"))
        shutil.rmtree(out)
        kept.rename(records)
        _, self.measured[f"{name}_copy_seconds"] = self.run(str(raw), "--out", str(out), "--join", "--copy", *OWN)
        for file in sorted(whole.glob("*.safetensors")):
            if file.read_bytes() != (out / file.name).read_bytes():
                fail(f"{name}: {file.name} differs from that of one process")
        say(f"{name}: joined, the features of one process, byte for byte")

    # MARK: What is tried

    def crowd(self, name, folder, raw, whole, processes, shards, rows):
        out = folder / name
        begun = time.monotonic()
        workers = [self.start(raw, out, shards) for _ in range(processes)]
        statuses = []
        while any(worker.poll() is None for worker in workers):
            time.sleep(10)
            if any(worker.poll() is None for worker in workers):
                statuses.append(self.status(raw, out)[1])
        answers = [worker.communicate() for worker in workers]
        seconds = time.monotonic() - begun
        for worker, (_, errors) in zip(workers, answers):
            if worker.returncode != 0:
                fail(f"{name}: a process ended with {worker.returncode}: {errors[-2000:]}")
        said = [json.loads(answer) for answer, _ in answers]
        done = [0 if one["shard"].startswith("none") else int(one["shard"].split()[0]) for one in said]
        status, status_seconds = self.status(raw, out)
        encoded = sum(one["rows"]["encoded"] for one in said)
        claims = [f for f in Path(f"{out}.cache/shards/{out.name}/claims").iterdir()]
        self.measured |= {
            f"{name}_processes": processes, f"{name}_shards": shards, f"{name}_seconds": round(seconds, 1),
            f"{name}_shards_a_second": round(shards / seconds, 1),
            f"{name}_most": max(done), f"{name}_fewest": min(done),
            f"{name}_status_seconds": round(status_seconds, 2),
            f"{name}_status_meanwhile_seconds": round(max(statuses, default=0), 2),
        }
        if sum(done) != shards or len(status["done"]) != shards or status["missing"]:
            recorded = len(status["done"])
            fail(f"{name}: {sum(done)} shards were done by the processes' count, {recorded} by the records', of {shards}")
        if encoded != rows:
            fail(f"{name}: {encoded} rows were encoded, of {rows}")
        if claims:
            fail(f"{name}: {len(claims)} claims were left behind")
        each = f"each done once, {min(done)} to {max(done)} a process"
        say(f"{name}: {shards} shards by {processes} processes in {seconds:.0f} s, {each}")
        self.joined(raw, out, whole, name)

    def killed(self, name, folder, raw, whole, processes, shards, seed):
        out = folder / name
        claims = Path(f"{out}.cache/shards/{out.name}/claims")
        numbers = random.Random(seed)
        workers = [self.start(raw, out, shards) for _ in range(processes)]
        kills = 0
        begun = time.monotonic()
        done = 0
        while done < shards:
            # Some shards further on, lest a slow machine kill all before they have begun.
            until = min(done + numbers.randint(1, 25), shards)
            while done < until:
                time.sleep(0.05)
                done = sum(1 for _ in claims.parent.glob("*.json"))
                if not [worker for worker in workers if worker.poll() is None]:
                    workers.append(self.start(raw, out, shards))
            time.sleep(numbers.uniform(0, 0.3))
            running = [worker for worker in workers if worker.poll() is None]
            if running:
                victim = numbers.choice(running)
                victim.kill()
                victim.wait()
                kills += 1
                self.give_up(claims, victim.pid)
            while len([worker for worker in workers if worker.poll() is None]) < processes:
                workers.append(self.start(raw, out, shards))
        for worker in workers:
            _, errors = worker.communicate()
            if worker.returncode not in (0, -signal.SIGKILL):
                fail(f"{name}: a process ended with {worker.returncode}: {errors[-2000:]}")
        self.measured |= {
            f"{name}_kills": kills, f"{name}_shards": shards, f"{name}_seconds": round(time.monotonic() - begun, 1)}
        say(f"{name}: {shards} shards, {kills} processes killed")
        self.joined(raw, out, whole, name)

    @staticmethod
    def give_up(claims, pid):
        """Makes the claims of a dead process old, so that nobody waits four minutes."""
        long_ago = time.time() - 3600
        for file in claims.glob("*-of-*"):
            try:
                if f"process {pid} " in file.read_text():
                    os.utime(file, (long_ago, long_ago))
            except FileNotFoundError:
                pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seesaw", default=os.environ.get("SEESAW", str(ROOT / ".build/release/seesaw")))
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--shards", type=int, default=10_000)
    parser.add_argument("--kill-shards", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--keep", help="work here, and leave what is made")
    options = parser.parse_args()
    if not os.access(options.seesaw, os.X_OK):
        fail("the command is not built: make build")
    folder = Path(options.keep or tempfile.mkdtemp(prefix="seesaw-scale-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    harness = Harness(str(Path(options.seesaw).resolve()), folder)
    slow = folder / "slow"
    try:
        for name, shards in [("crowd", options.shards), ("killed", options.kill_shards)]:
            if not shards:
                continue
            raw, whole = folder / f"{name}-raw", folder / f"{name}-whole"
            samples(raw, 2 * shards)
            answer, seconds = harness.run(str(raw), "--out", str(whole), "--json", *OWN)
            rows = json.loads(answer)["rows"]["encoded"]
            harness.measured[f"{name}_one_process_seconds"] = round(seconds, 1)
            if name == "killed":
                harness.killed(name, folder, raw, whole, 8, shards, options.seed)
                continue
            # The row of a missing input is made by each process.
            harness.crowd(name, folder, raw, whole, options.processes, shards, rows)
            if options.slow:
                mount(slow)
                harness.crowd("slow", slow, raw, whole, options.processes, shards, rows)
        print(json.dumps(harness.measured))
        say("all well")
    finally:
        if slow.is_mount():
            subprocess.run(["umount", str(slow)], check=False)
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def mount(folder):
    """A file system of 2 GB of which every write waits for the disk."""
    image = folder.with_suffix(".image")
    with open(image, "wb") as file:
        file.truncate(2 << 30)
    folder.mkdir()
    for command in [
        ["mkfs.ext4", "-q", "-F", "-N", "200000", str(image)],
        ["mount", "-o", "loop,sync,dirsync", str(image), str(folder)],
    ]:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            fail(f"--slow needs Linux, and the rights to mount: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
