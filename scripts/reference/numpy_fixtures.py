"""NumPy files that the reader is held to, and what NumPy itself reads from them.

Run it with NumPy 2.4 to write Tests/Golden/numpy anew:

    python3 scripts/reference/numpy_fixtures.py
"""

import io
import json
import pathlib
import zipfile

import numpy as np

folder = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "Golden" / "numpy"


def npy(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def archive(path, entries, method=zipfile.ZIP_DEFLATED, force_zip64=False):
    """A .npz with every date the same, so that the same numbers give the same bytes."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            with file.open(info, "w", force_zip64=force_zip64) as entry:
                entry.write(content if isinstance(content, bytes) else npy(content))


def plain_types():
    arrays = {}
    for order, word in [("<", "little"), (">", "big")]:
        for code in ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]:
            limits = np.iinfo(code)
            high = min(int(limits.max), 2**63 - 1)
            values = [int(limits.min), 0, 1, 2, 100, high]
            arrays[f"{code}_{word}"] = np.array(values, order + code).reshape(2, 3)
        arrays[f"f2_{word}"] = np.array([0, -0.0, 1, -2.5, 65504, 2**-24, 2**-14, 1 / 3], order + "f2")
        arrays[f"f4_{word}"] = np.array([0, 1e-45, -3.4e38, np.pi, 1 / 3], order + "f4")
        arrays[f"f8_{word}"] = np.array([0, 5e-324, -1.7e308, np.pi, 1 / 3], order + "f8")
        arrays[f"text_{word}"] = np.array(["", "kingfisher", "Eisvogel", "翡翠", "a🦜b", "é"], order + "U10")
    arrays["bool"] = np.array([[True, False], [False, True]])
    arrays["bytes"] = np.array([b"", b"abc", "é".encode()], "S5")
    arrays["scalar"] = np.array(3.5)
    arrays["empty"] = np.zeros((0, 4), "f4")
    for code in ["f4", "i8", "U3"]:
        arrays[f"fortran_{code}"] = np.asfortranarray(np.arange(6).reshape(2, 3).astype(code))
    arrays["fortran_cube"] = np.asfortranarray(np.arange(24, dtype="i2").reshape(2, 3, 4))
    return arrays


def expected(array):
    values = array.flatten().tolist()
    return {
        "shape": list(array.shape),
        "values": [v.decode() if isinstance(v, bytes) else int(v) if isinstance(v, bool) else v for v in values],
    }


def views():
    """The layout of a file of several views: features, `label` and `split` with training and testing rows only."""
    random = np.random.default_rng(3)
    count = 30
    label = np.repeat(np.arange(3, dtype="u1"), 10)
    arrays = {
        name: (random.normal(size=(count, width)) + label[:, None]).astype("f4")
        for name, width in [("pix9", 9), ("fourier4", 4), ("profile6", 6), ("zernike3", 3), ("karhunen5", 5), ("morph2", 2)]
    }
    arrays["label"] = label
    arrays["split"] = np.array((["train"] * 8 + ["test"] * 2) * 3)
    return arrays


def main():
    folder.mkdir(parents=True, exist_ok=True)
    types = plain_types()
    archive(folder / "types.npz", {f"{name}.npy": array for name, array in types.items()})
    text = json.dumps({name: expected(array) for name, array in types.items()}, indent=1, ensure_ascii=False)
    (folder / "types.json").write_text(text + "\n", "utf-8")

    small = np.array([[1.5, -2.0], [0.25, 8.0], [3.0, 4.0]])
    for version in [1, 2, 3]:
        (folder / f"version-{version}.npy").write_bytes(npy(small, (version, 0)))
    pair = {"first.npy": small, "second.npy": np.arange(5)}
    archive(folder / "stored.npz", pair, zipfile.ZIP_STORED)
    archive(folder / "packed.npz", pair)
    archive(folder / "lzma.npz", pair, zipfile.ZIP_LZMA)
    limit = zipfile.ZIP64_LIMIT
    zipfile.ZIP64_LIMIT = 8
    archive(folder / "zip64.npz", pair, force_zip64=True)
    zipfile.ZIP64_LIMIT = limit
    archive(
        folder / "names.npz",
        {"../../escape.npy": np.arange(2), "notes.txt": b"not an array", "/root.npy": np.arange(3), "ä.npy": np.arange(4)},
    )
    archive(folder / "zeros.npz", {"zeros.npy": np.zeros((1000, 500))})

    refused = {
        "objects": np.array([{"a": 1}, None], object),
        "structure": np.zeros(2, [("a", "f4"), ("b", "i4")]),
        "complex": np.zeros(2, "c16"),
        "dates": np.zeros(2, "M8[s]"),
        "void": np.zeros(2, "V2"),
    }
    for name, array in refused.items():
        (folder / f"refused-{name}.npy").write_bytes(npy(array))
    archive(folder / "views.npz", {f"{name}.npy": array for name, array in views().items()})
    archive(
        folder / "partly-objects.npz",
        {"image.npy": small, "text.npy": small, "labels.npy": np.array(["a", "b", "a"]), "ids.npy": refused["objects"]},
    )
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"Tests/Golden/numpy: {size:,} bytes in {len(list(folder.iterdir()))} files")


if __name__ == "__main__":
    main()
