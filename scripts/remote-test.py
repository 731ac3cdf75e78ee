#!/usr/bin/env python3
"""Encodes a data set from an S3 server on this machine, and compares its features with those of the same files.

    scripts/remote-test.py COMMAND          needs moto with its server, and boto3
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import boto3
from moto.server import ThreadedMotoServer

root = pathlib.Path(__file__).resolve().parent.parent
command = sys.argv[1] if len(sys.argv) > 1 else str(root / ".build/release/seesaw")
tables = root / "Tests/Golden/tables/image-text"
secrets = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
os.environ.update(secrets, AWS_EC2_METADATA_DISABLED="true")

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
host, port = server.get_host_and_port()
client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")
client.create_bucket(Bucket="bucket")
for file in sorted(tables.rglob("*.parquet")):
    client.upload_file(str(file), "bucket", f"sets/it/{file.relative_to(tables)}")
query = f"?endpoint_override=127.0.0.1%3A{port}&scheme=http&region=us-east-1"
wrong = []
with tempfile.TemporaryDirectory() as folder:
    def run(*words):
        return subprocess.run([command, *words], cwd=folder, capture_output=True, text=True, timeout=300)

    for place, out in [(str(tables), "near"), (f"s3://bucket/sets/it{query}", "far")]:
        done = run("encode", place, "--out", out)
        if done.returncode != 0:
            wrong.append(f"encode {place}: {done.returncode}: {done.stderr[-500:]}")
    for file in sorted(pathlib.Path(folder, "near").glob("*.safetensors")):
        other = pathlib.Path(folder, "far", file.name)
        if not other.exists() or other.read_bytes() != file.read_bytes():
            wrong.append(f"{file.name} differs")
    gone = run("check", f"s3://bucket/sets/none.parquet{query}")
    if gone.returncode != 66 or "does not exist" not in gone.stdout + gone.stderr:
        wrong.append(f"a file that is not there: {gone.returncode}: {gone.stderr[-500:]}")
server.stop()
print("\n".join(wrong) if wrong else "remote: the same features from s3:// and from files")
sys.exit(bool(wrong))
