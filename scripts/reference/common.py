"""What the reference scripts share: where the numbers go, and what made them."""

import json
import platform
from pathlib import Path

import numpy
import torch

GOLDEN = Path(__file__).resolve().parent.parent.parent / "Tests" / "Golden"


def versions(**more: str) -> dict[str, str]:
    """The versions that the numbers were made with."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__, **more}


def write_json(path: Path, value: dict) -> None:
    """Writes numbers in full, a list of plain numbers on one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(value) + "\n", "utf-8")
    print(f"{path.relative_to(GOLDEN.parent.parent)}: {path.stat().st_size:,} bytes")


def render(value: object, depth: int = 0) -> str:
    inner, outer = "  " * (depth + 1), "  " * depth
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(flat) + len(outer) <= 118 or is_plain(value):
        return flat
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(key)}: {render(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{outer}}}"
    return "[\n" + ",\n".join(inner + render(item, depth + 1) for item in value) + f"\n{outer}]"


def is_plain(value: object) -> bool:
    return not isinstance(value, dict) and (
        not isinstance(value, list) or all(isinstance(item, (int, float, bool)) for item in value)
    )
