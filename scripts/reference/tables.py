#!/usr/bin/env python3
"""Writes Tests/Golden/tables: small data sets in the layouts in which the Hugging Face hub holds them, written by pyarrow.

    scripts/reference/tables.py          needs pyarrow, and Pillow for pictures

Each is a copy, made up here, of a form that people hold: tests read them and need no Python.
"""

import io
import json
import pathlib
import shutil
import struct
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

root = pathlib.Path(__file__).resolve().parent.parent.parent / "Tests/Golden/tables"
shutil.rmtree(root, ignore_errors=True)

words = ["a red square", "a blue square", "red again", "blue again"]


def picture(number):
    """A picture of its own for each number, red for even ones and blue for odd ones."""
    image = Image.new("RGB", (12, 10), ((200, 10 + number, 20) if number % 2 == 0 else (20, 10 + number, 200)))
    image.putpixel((number % 12, 3), (255, 255, 255))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def sound(number):
    """A tone of 80 ms at 8 kHz as a WAVE file."""
    period = 16 if number % 2 == 0 else 40
    samples = [8000 if (i // (period // 2)) % 2 == 0 else -8000 for i in range(640 + number)]
    body = struct.pack(f"<{len(samples)}h", *samples)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(body), b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", len(body))
    return head + body


MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def features(**kinds):
    return {b"huggingface": json.dumps({"info": {"features": kinds}}).encode()}


def write(name, table, group=None, **settings):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=group, **settings)


def media(numbers, kind=picture, ending="png"):
    return pa.array([{"bytes": kind(n), "path": f"{n}.{ending}"} for n in numbers], MEDIA)


label = {"names": ["blue", "red"], "_type": "ClassLabel"}
image = {"_type": "Image"}


def reds(numbers):
    return pa.array([1 - n % 2 for n in numbers], pa.int64())


# 1. Image classification: a picture and a ClassLabel, training in two files and several row groups.
meta = features(image=image, label=label)
for part, numbers in enumerate([range(0, 6), range(6, 12)]):
    table = pa.table({"image": media(numbers), "label": reds(numbers)}).replace_schema_metadata(meta)
    write(f"image-classes/data/train-{part:05d}-of-00002.parquet", table, group=4)
table = pa.table({"image": media(range(12, 16)), "label": reds(range(12, 16))}).replace_schema_metadata(meta)
write("image-classes/data/test-00000-of-00001.parquet", table)

# 2. A picture and a text, with ids, in folders named as splits; a column that is not used.
for split, numbers in {"train": range(8), "validation": range(8, 10), "test": range(10, 14)}.items():
    table = pa.table({
        "id": [f"s{n}" for n in numbers], "image": media(numbers), "caption": [words[n % 4] for n in numbers],
        "width": [12] * len(numbers), "label": reds(numbers),
    }).replace_schema_metadata(features(image=image, label=label, caption={"dtype": "string", "_type": "Value"}))
    write(f"image-text/{split}/0000.parquet", table, compression="zstd")

# 3. Several pictures a sample: list<struct>, one list empty, one null.
numbers = range(12)
lists = [[{"bytes": picture(n), "path": None}, {"bytes": picture(n + 2), "path": None}] for n in numbers]
lists[3], lists[4] = [], None
table = pa.table({
    "images": pa.array(lists, pa.list_(MEDIA)), "text": [words[n % 4] for n in numbers], "label": reds(numbers),
}).replace_schema_metadata(features(images={"feature": image, "_type": "List"}, label=label))
write("several-pictures/train-00000-of-00001.parquet", table, group=5)

# 4. Sounds.
table = pa.table({"audio": media(numbers, sound, "wav"), "label": reds(numbers)}).replace_schema_metadata(
    features(audio={"sampling_rate": 8000, "_type": "Audio"}, label=label))
write("sounds/train.parquet", table)

# 5. Plain bytes and labels as words, with no metadata at all; 64-bit offsets.
table = pa.table({
    "img": pa.array([picture(n) for n in numbers], pa.large_binary()),
    "title": pa.array([words[n % 4] for n in numbers], pa.large_string()),
    "category": ["red" if n % 2 == 0 else "blue" for n in numbers],
})
write("plain-bytes.parquet", table)

# 6. Labels as lists: several of a sample, and none of one.
many = {"feature": label, "_type": "Sequence"}
table = pa.table({
    "text": [words[n % 4] for n in numbers],
    "labels": pa.array([[] if n == 5 else [0, 1] if n % 3 == 0 else [n % 2] for n in numbers], pa.list_(pa.int64())),
}).replace_schema_metadata(features(labels=many))
write("label-lists/train.parquet", table)

# 7. Cells that are null: a picture, a text, a label; a struct whose bytes are null.
cells = [{"bytes": picture(n), "path": None} for n in numbers]
cells[2], cells[5] = None, {"bytes": None, "path": None}
texts = [words[n % 4] for n in numbers]
texts[7], texts[8] = None, " "
labels = [1 - n % 2 for n in numbers]
labels[9] = None
table = pa.table({"image": pa.array(cells, MEDIA), "text": texts, "label": pa.array(labels, pa.int64())}).replace_schema_metadata(meta)
write("null-cells.parquet", table, group=6)

# 8. Texts alone, labels as a dictionary, a label of -1 where none is told.
table = pa.table({
    "sentence": pa.array(texts[:7] * 2).dictionary_encode(), "label": pa.array([1, 0, 1, 0, -1, 1, 0] * 2, pa.int8()),
}).replace_schema_metadata(features(label=label))
write("texts.parquet", table)

# 9. What save_to_disk leaves.
schema = pa.schema([("image", MEDIA), ("text", pa.string()), ("label", pa.int64())], features(image=image, label=label))
for split, numbers in {"train": range(10), "test": range(10, 14)}.items():
    folder = root / "saved" / split
    folder.mkdir(parents=True)
    table = pa.table([media(numbers), [words[n % 4] for n in numbers], reds(numbers)], schema=schema)
    with pa.ipc.new_stream(folder / "data-00000-of-00001.arrow", schema) as stream:
        stream.write_table(table, max_chunksize=4)
    (folder / "state.json").write_text(json.dumps({
        "_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_fingerprint": "0", "_split": split}))
    (folder / "dataset_info.json").write_text("{}")
(root / "saved/dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))

# 10. An Arrow file (feather), and pictures whose bytes are elsewhere: beside the table.
folder = root / "paths"
folder.mkdir()
numbers = range(12)
for n in range(12):
    (folder / f"{n}.png").write_bytes(picture(n))
table = pa.table({
    "image": pa.array([{"bytes": None, "path": f"{n}.png"} for n in numbers], MEDIA), "label": reds(numbers),
}).replace_schema_metadata(meta)
with pa.ipc.new_file(folder / "all.arrow", table.schema) as file:
    file.write_table(table, max_chunksize=5)

# The same pictures as members of a compressed archive, in the manner of WebDataset.
with tarfile.open(root / "pairs.tar.gz", "w:gz", format=tarfile.USTAR_FORMAT) as archive:
    for n in numbers:
        for ending, content in [("png", picture(n)), ("cls", str(1 - n % 2).encode()), ("txt", words[n % 4].encode())]:
            entry = tarfile.TarInfo(f"some/{n:03d}.{ending}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

print(sum(p.stat().st_size for p in root.rglob("*") if p.is_file()), "bytes")
