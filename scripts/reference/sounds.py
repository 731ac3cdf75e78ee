#!/usr/bin/env python3
"""Writes Tests/Golden/sounds: one tone in the formats that libsndfile reads, and its samples as that library gives them.

    scripts/reference/sounds.py          needs soundfile and numpy
"""

import json
import pathlib

import numpy
import soundfile

root = pathlib.Path(__file__).resolve().parent.parent.parent / "Tests/Golden/sounds"
root.mkdir(parents=True, exist_ok=True)
time = numpy.arange(1600) / 8000
tone = numpy.stack([0.5 * numpy.sin(2 * numpy.pi * 440 * time), 0.25 * numpy.sin(2 * numpy.pi * 220 * time)], axis=1)
formats = {"flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III", "aiff": "PCM_16", "wav": "ULAW"}
expected = {}
for ending, subtype in formats.items():
    path = root / f"tone.{ending}"
    soundfile.write(path, tone, 8000, subtype=subtype)
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mean = samples.sum(axis=1) / 2
    expected[ending] = {"rate": rate, "count": len(mean), "samples": [float(mean[i]) for i in range(0, len(mean), 97)]}
(root / "expected.json").write_text(json.dumps(expected) + "\n")
