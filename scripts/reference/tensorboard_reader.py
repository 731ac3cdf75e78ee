"""What TensorBoard's own reader finds in an event file of ours.

The file is built here from the protocol's definition by TensorBoard's own classes and written to
Tests/Golden/tensorboard.json with every scalar that TensorBoard's loader reads back. The Swift test writes the same
scalars and must arrive at the same bytes, which therefore are what TensorBoard reads.

    python3 -m reference.tensorboard_reader            writes the golden file
    python3 -m reference.tensorboard_reader FOLDER     says what TensorBoard finds in a run's folder, as JSON
"""

import base64
import json
import pathlib
import struct
import sys
import tempfile

import tensorboard
from tensorboard.backend.event_processing import event_file_loader
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

golden = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "Golden" / "tensorboard.json"


def framed(data):
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def scalars(path):
    """Every scalar of a file, as TensorBoard's loader has it."""
    found = []
    for event in event_file_loader.LegacyEventFileLoader(str(path)).Load():
        for value in event.summary.value:
            found.append(
                {"tag": value.tag, "step": event.step, "time": event.wall_time, "value": value.simple_value}
            )
    return found


def made():
    events = [event_pb2.Event(wall_time=1_700_000_000, file_version="brain.Event:2")]
    for step in [0, 1, 127, 128, 40_000]:
        values = [("loss/fused", 1 / (step + 3)), ("validation/macro-f1", -float(step))]
        summary = summary_pb2.Summary(
            value=[summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in values]
        )
        events.append(event_pb2.Event(wall_time=1_700_000_000 + step / 4, step=step, summary=summary))
    return b"".join(framed(event.SerializeToString(deterministic=True)) for event in events)


if len(sys.argv) > 1:
    runs = {}
    for path in sorted(pathlib.Path(sys.argv[1]).rglob("events.out.tfevents.*")):
        runs[str(path)] = scalars(path)
    print(json.dumps(runs, indent=1))
else:
    with tempfile.NamedTemporaryFile(prefix="events.out.tfevents.") as file:
        file.write(made())
        file.flush()
        answer = {
            "tensorboard": tensorboard.__version__,
            "file": base64.b64encode(made()).decode(),
            "scalars": scalars(file.name),
        }
    golden.write_text(json.dumps(answer, indent=1) + "\n")
