#!/usr/bin/env python3
"""Writes Tests/Golden/hdf5: small files in the layouts in which people hold features in HDF5, written by h5py, and the same
numbers as NumPy writes them.

    scripts/reference/hdf5.py          needs h5py

Each is made up here: tests read them and need no Python.
"""

import pathlib
import shutil

import h5py
import numpy as np

root = pathlib.Path(__file__).resolve().parent.parent.parent / "Tests/Golden/hdf5"
shutil.rmtree(root, ignore_errors=True)
root.mkdir(parents=True)
numbers = np.random.default_rng(1)


def file(name, **settings):
    return h5py.File(root / name, "w", **settings)


# 1. Features by split, as MultiBench has them: sequences, labels [N, 1, 1], ids.
with file("multibench.h5", libver=("v110", "v110")) as f:
    plain = {}
    first = 0
    for split, count in {"train": 14, "valid": 4, "test": 6}.items():
        group = f.create_group(split)
        arrays = {
            "vision": numbers.normal(size=(count, 5, 3)).astype("f4"),
            "audio": numbers.normal(size=(count, 5, 2)),
            "text": numbers.normal(size=(count, 4)).astype("f4"),
            "labels": (np.arange(count) % 2).astype("f4").reshape(count, 1, 1),
        }
        for name, array in arrays.items():
            group.create_dataset(name, data=array, compression="gzip")
            plain[f"{split}/{name}"] = array
        ids = [f"clip-é-{first + i}" for i in range(count)]
        group.create_dataset("id", data=ids, dtype=h5py.string_dtype())
        plain[f"{split}/id"] = np.array(ids)
        first += count
    np.savez(root / "multibench.npz", **plain)

# 2. The file of MM-IMDb: several genres a film, ready-made features beside lists of words, and Fuel's splits.
with file("multimodal_imdb.hdf5") as f:
    count = 30
    genres = (numbers.random((count, 4)) < 0.4).astype("i4")
    genres[np.arange(count), np.arange(count) % 4] = 1
    f["genres"] = genres
    f["features"] = numbers.normal(size=(count, 6)).astype("f4")
    f.create_dataset("vgg_features", data=numbers.normal(size=(count, 8)).astype("f4"), chunks=(7, 3), compression="gzip", shuffle=True)
    f["imdb_ids"] = np.array([f"{100 + i:07d}" for i in range(count)], "S7")
    f["images"] = numbers.integers(0, 255, (count, 3, 4, 2)).astype("i4")
    words = f.create_dataset("sequences", (count,), dtype=h5py.vlen_dtype(np.int32))
    for i in range(count):
        words[i] = np.arange(i % 5 + 1)
    rows = [("train", 0, 18), ("dev", 18, 22), ("test", 22, 30)]
    kind = np.dtype([("split", "S5"), ("source", "S12"), ("start", "i8"), ("stop", "i8"), ("indices", h5py.ref_dtype),
                     ("available", "?"), ("comment", "S1")])
    table = np.zeros(6, kind)
    for i, (split, start, stop) in enumerate(rows * 2):
        table[i]["split"], table[i]["source"] = split, "genres" if i < 3 else "vgg_features"
        table[i]["indices"] = h5py.Reference()
        table[i]["start"], table[i]["stop"], table[i]["available"] = start, stop, True
    f.attrs["split"] = table

# 3. Every kind of element and of storage, and the same as NumPy writes it.
count = 9
kinds = {
    "half": numbers.normal(size=(count, 3)).astype("f2"), "single": numbers.normal(size=(count, 3)).astype("f4"),
    "single-big": numbers.normal(size=(count, 3)).astype(">f4"), "double": numbers.normal(size=(count, 2)),
    "double-big": numbers.normal(size=(count, 2)).astype(">f8"), "truth": numbers.random(count) < 0.5,
    "bytes": numbers.integers(0, 256, (count, 3, 2, 2)).astype("u1"), "small": numbers.integers(-100, 100, count).astype("i1"),
    "short-big": numbers.integers(-30000, 30000, count).astype(">i2"), "word": numbers.integers(0, 60000, count).astype("u2"),
    "int": np.arange(count, dtype="i4") * -70000, "large": np.arange(count) + 2**60, "largest": np.arange(count).astype("u8") + 2**63,
    "one": np.array(3.5), "none": np.zeros((0, 4), "f4"), "cube": numbers.normal(size=(count, 2, 2)).astype("f4"),
}
with file("kinds.h5") as f:
    for name, array in kinds.items():
        f[name] = array
    f["fixed"] = np.array([b"a", b"bc  ", "dé".encode(), b"", b"e", b"f", b"g", b"h", b"ij"], "S4")
    f.create_dataset("variable", data=["a", "bc  ", "dé", "", "e", "f", "g", "h", "ij"], dtype=h5py.string_dtype())
    f.create_dataset("ascii", data=[str(i) for i in range(count)], dtype=h5py.string_dtype("ascii"))
    f.create_dataset("enumerated", data=np.arange(count) % 3, dtype=h5py.enum_dtype({"a": 0, "b": 1, "c": 2}, "u1"))
kinds |= {
    "fixed": np.array(["a", "bc  ", "dé", "", "e", "f", "g", "h", "ij"]), "ascii": np.array([str(i) for i in range(count)]),
    "enumerated": (np.arange(count) % 3).astype("u1"),
}
kinds["variable"] = kinds["fixed"]
np.savez(root / "kinds.npz", **kinds)

stored = {name: numbers.normal(size=(50, 4)).astype("f4").round(2) for name in ["plain", "chunked", "gzip", "shuffled", "checked", "uneven", "columns"]}
with file("storage.h5") as f:
    f["plain"] = stored["plain"]
    f.create_dataset("chunked", data=stored["chunked"], chunks=(8, 4))
    f.create_dataset("gzip", data=stored["gzip"], chunks=(8, 4), compression="gzip", compression_opts=9)
    f.create_dataset("shuffled", data=stored["shuffled"], chunks=(16, 2), compression="gzip", shuffle=True)
    f.create_dataset("checked", data=stored["checked"], chunks=(8, 4), fletcher32=True)
    f.create_dataset("uneven", data=stored["uneven"], chunks=(7, 3), maxshape=(None, 4), compression="gzip")
    f.create_dataset("columns", data=stored["columns"], chunks=(50, 1), compression="gzip")
np.savez(root / "storage.npz", **stored)
with file("v110.h5", libver=("v110", "v110")) as f:
    for name, array in stored.items():
        f.create_dataset(name, data=array, chunks=(16, 4), compression="gzip")

# What only a later version of the library reads, and this one names.
with file("newest.h5", libver="latest") as f:
    f["labels"] = np.arange(12) % 2
    f.create_dataset("image", data=stored["plain"], chunks=(16, 4), compression="gzip")

# 4. What is named and left alone: links out of the file and in a circle, other files' numbers, structures, filters.
with file("links.h5") as f:
    f["labels"] = np.arange(12) % 2
    f["image"] = numbers.normal(size=(12, 3)).astype("f4")
    f["group/text"] = numbers.normal(size=(12, 2)).astype("f4")
    f["outside"] = h5py.ExternalLink("kinds.h5", "single")
    f["through"] = h5py.SoftLink("/outside")
    f["nowhere"] = h5py.SoftLink("/absent")
    f["alias"] = h5py.SoftLink("/group/text")
    f["group/back"] = f["/"]
    layout = h5py.VirtualLayout(shape=(9, 3), dtype="f4")
    layout[:] = h5py.VirtualSource("kinds.h5", "single", shape=(9, 3))
    f.create_virtual_dataset("virtual", layout)
    f.create_dataset("elsewhere", shape=(4,), dtype="u1", external=[("/etc/passwd", 0, 4)])
    f["complex"] = np.zeros(12, "c8")
    f.create_dataset("ragged", (12,), dtype=h5py.vlen_dtype(np.float32))
    f["reference"] = np.array([f["image"].ref] * 12, dtype=h5py.ref_dtype)
    f.create_dataset("empty", data=h5py.Empty("f4"))
    f.create_dataset("bomb", shape=(1 << 40,), chunks=(1 << 20,), dtype="f4", compression="gzip")
    f.create_dataset("wide-chunk", shape=(1 << 30, 4), chunks=(1 << 27, 4), dtype="f4")

# 5. What is told as what it is: a sequence of CMU's SDK, and a table of pandas.
with file("sequence.csd") as f:
    for i in range(3):
        f[f"COVAREP/data/video{i}/features"] = np.zeros((i + 2, 4), "f4")
        f[f"COVAREP/data/video{i}/intervals"] = np.zeros((i + 2, 2))
with file("pandas.h5") as f:
    f["df/block0_values"] = np.zeros((3, 2))
    f["df/axis0"] = np.array([b"a", b"b"])
# 6. All in one group; labels that are no classes.
with file("regression.h5") as f:
    f["mosi/vision"] = numbers.normal(size=(12, 3)).astype("f4")
    f["mosi/labels"] = numbers.normal(size=(12, 1)).astype("f4")

print(sum(p.stat().st_size for p in root.rglob("*") if p.is_file()), "bytes")
