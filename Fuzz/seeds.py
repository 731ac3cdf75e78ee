"""Writes the first files of the corpus: small ones that reach every branch, and known attacks. The fuzzer adds more.

    Fuzz/seeds.py [COMMAND]

With the command (.build/release/seesaw) also those that are folders of its own making: `dataset` and `report`.
"""

import base64
import io
import json
import pathlib
import struct
import subprocess
import sys
import tarfile
import tempfile
import zlib

here = pathlib.Path(__file__).parent
root = here.parent
corpus = here / "Corpus"


def put(target, name, data):
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def tensors(header, data=b""):
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(kind, shape, start, end):
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


put("safetensors", "two", tensors({"x": entry("F32", [2, 2], 0, 16), "labels": entry("I64", [2], 16, 32)}, bytes(32)))
kinds = {"F64": 8, "F16": 2, "BF16": 2, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
table, at = {"__metadata__": {"a": "b \u00e9\n", "": ""}}, 0
for kind, size in kinds.items():
    table[kind] = entry(kind, [3], at, at + 3 * size)
    at += 3 * size
put("safetensors", "kinds", tensors(table, bytes(range(at))))
put("safetensors", "scalar", tensors({"s": entry("F32", [], 0, 4), "e": entry("F32", [0, 7], 4, 4)}, b"\0\0\x80?"))
put("safetensors", "overlap", tensors({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 1, 3)}, bytes(3)))
put("safetensors", "overflow", tensors({"a": entry("F32", [2**62, 2**62], 0, 4)}, bytes(4)))
put("safetensors", "empty-huge", tensors({"a": entry("F32", [0, 2**63 - 1], 0, 0)}))
put("safetensors", "many-dimensions", tensors({"a": entry("U8", [1] * 500, 0, 1)}, b"\0"))
put("safetensors", "beyond", tensors({"a": entry("F32", [1], 2**63 - 8, 2**63 - 4)}, bytes(4)))
put("safetensors", "twice", tensors('{"a":%s,"a":%s}' % ((json.dumps(entry("U8", [1], 0, 1)),) * 2), b"\0"))
put("safetensors", "deep", tensors("[" * 4000))
put("safetensors", "header-of-gigabytes", struct.pack("<Q", 2**40) + b"{}")
put("safetensors", "header-negative", b"\xff" * 8 + b"{}")

# Parquet and Arrow: what pyarrow wrote for tests, whole and cut off.
tables = root / "Tests/Golden/tables"
for name in ["plain-bytes", "null-cells", "texts"]:
    put("parquet", name, (tables / f"{name}.parquet").read_bytes())
put("parquet", "lists", (tables / "label-lists/train.parquet").read_bytes())
put("parquet", "cut", (tables / "texts.parquet").read_bytes()[:-5])
put("parquet", "footer-of-gigabytes", b"PAR1" + bytes(20) + struct.pack("<I", 2**31 - 1) + b"PAR1")
put("parquet", "empty", b"PAR1PAR1")
stream = (tables / "saved/test/data-00000-of-00001.arrow").read_bytes()
put("arrow", "stream", stream)
put("arrow", "file", (tables / "paths/all.arrow").read_bytes())
put("arrow", "cut", stream[:-200])
put("arrow", "no-end", stream[:-8])
put("arrow", "length-of-gigabytes", b"\xff\xff\xff\xff" + struct.pack("<I", 2**31 - 1) + bytes(64))
put("arrow", "head", b"ARROW1\0\0" + bytes(8) + struct.pack("<I", 2**30) + b"ARROW1")

# HDF5: what h5py wrote for tests, whole, cut off, and with sizes that it does not hold.
arrays = root / "Tests/Golden/hdf5"
for name in ["kinds", "links", "multibench", "v110", "regression"]:
    put("hdf5", name, (arrays / f"{name}.h5").read_bytes())
put("hdf5", "cut", (arrays / "regression.h5").read_bytes()[:-100])
put("hdf5", "signature", b"\x89HDF\r\n\x1a\n")
put("hdf5", "no-end", b"\x89HDF\r\n\x1a\n" + bytes(5) + b"\x08\x08\0\x04\0\x10\0" + b"\xff" * 64)

# Clips and sounds: what ffmpeg wrote for tests, whole, cut off, and a list that names another file.
clips = root / "Tests/Golden/clips"
for name in ["colours.mp4", "colours.webm", "silent.avi", "turned.mp4", "tone.wma", "tone.aac", "list.mp4"]:
    put("clip", name, (clips / name).read_bytes())
put("clip", "cut", (clips / "colours.webm").read_bytes()[:-3000])
put("clip", "no-index", (clips / "turned.mp4").read_bytes()[:1000])


def tar(*members, cut=None, kind=tarfile.USTAR_FORMAT):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=kind) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()[:cut]


pair = [("a.txt", b"red"), ("a.cls", b"1"), ("b.txt", b"blue"), ("b.cls", b"0"), ("c/d.e.txt", b"x"), ("c/d.cls", b"1")]
put("tar", "pairs", tar(*pair)[:8192])
put("tar", "pictures", tar(("a.png", b"no picture"), ("a.json", b'{"label": "x", "text": "y"}'), ("b.png", b""), ("b.cls", b"z"))[:8192])
put("tar", "comes-back", tar(("a.txt", b"x"), ("b.txt", b"y"), ("a.cls", b"1"), ("b.cls", b"0"))[:8192])
put("tar", "cut", tar(*pair, cut=1700))
put("tar", "pax", tar(("\u00e9" * 60 + ".txt", b"x"), ("\u00e9" * 60 + ".cls", b"1"), kind=tarfile.PAX_FORMAT)[:8192])
huge = bytearray(tar(("a.txt", b"x")))
huge[124:136] = b"77777777777\0"
huge[148:156] = b"%06o\0 " % (sum(huge[:148]) + 8 * 32 + sum(huge[156:512]))
put("tar", "size-of-gigabytes", bytes(huge[:2048]))
put("tar", "none", b"no archive")

put("json", "all", '{"a":[1,-2.5e3,true,false,null,"x\\u00e9\\n\\ud83d\\ude00",{}],"b":{"c":[[]]}}')
put("json", "deep", "[" * 200)
put("json", "deep-tables", '{"a":' * 200)
put("json", "numbers", "[0,-0,1.0,1e308,1e-320,9223372036854775807,9223372036854775808,-9223372036854775808,01,1.,-]")
put("json", "twice", '{"a":1,"a":2}')
put("json", "escapes", '"\\ud800 \\u0000 \\u001b[31m \\u202e \\/ \\b\\f"')
put("json", "bom", b"\xef\xbb\xbf{}")
put("json", "not-utf8", b'"\xff\xfe"')

for path in sorted((root / "Recipes").glob("*.yaml"))[:4]:
    put("yaml", path.stem, path.read_bytes())
put("yaml", "settings", "method: balgrad\nseed: 3\noptimizer: {learning_rate: 1e-3}\nmodel:\n  fusion: gated\n# x\n")
put("yaml", "json", '{\n\t"seed": 1,\n\t"method": {"name": "joint"}\n}\n')
names = "abcdefghij"
laugh = "a: &a [x, x, x, x, x, x, x, x, x]\n"
for one, two in zip(names, names[1:]):
    laugh += f"{two}: &{two} [{', '.join(['*' + one] * 9)}]\n"
put("yaml", "aliases-that-explode", laugh)
put("yaml", "aliases-as-keys", laugh + "? *j\n: 1\n? *i\n: 2\n")
put("yaml", "deep-brackets", "a: " + "[" * 3000)
put("yaml", "deep-dashes", "- " * 3000 + "x")
put("yaml", "deep-tables", "".join("  " * i + "a:\n" for i in range(120)))
put("yaml", "itself", "a: &a [*a]\n")
put("yaml", "tags", "a: !!binary aGk=\nb: !!set {x, y}\nc: !!timestamp 2001-12-14\nd: !python/object:os.system x\n")
put("yaml", "merge", "a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: {<<: [*a, *a]}\n")
put("yaml", "scalars", "a: |\n  x\n   y\nb: >-\n  z\nc: 'it''s'\nd: \"\\e[31m\\x00\\u202e\"\n")
put("yaml", "twice", "seed: 1\nseed: 2\n")
put("yaml", "documents", "a: 1\n---\nb: 2\n...\n%YAML 1.2\n")
put("yaml", "set", 'e=["x", {a: 1}]\n')

put("csv", "good", "image,text,label,id,split\n,a b,x,1,train\n,c,y,2,train\n,d,x,3,test\n,e,y,4,test\n")
put("csv", "lists", 'text;label\n"a ""b""\nc";"[""x"",""y""]"\nd;x|y\ne;x\nf;y\ng;x\nh;y\n')
put("csv", "crlf-bom", b"\xef\xbb\xbftext,label\r\na,x\r\nb,y\r\nc,x\rd,y\r\n")
put("csv", "unclosed", 'text,label\n"a,x\nb,y\n')
put("csv", "not-utf8", b"text,label\n\xff\xfe,x\nb,y\nc,\xc3\n")
put("csv", "zeros", b"text,label\na\0b,x\0\n\0,y\n")
put("csv", "paths", "image,label\n../a.png,x\n/etc/passwd,y\n~/a,x\na/../../b,y\nhttp://x/y,x\na\\b,y\n")
put("csv", "escape-sequences", "text,label,id\na,\x1b[31mx,\x1b]0;t\x07\nb,y\u202e,2\nc,\x9bx,3\n")
put("csv", "wide", ",".join(f"c{i}" for i in range(3000)) + "\n" + "," * 2999 + "\n")
put("csv", "utf-16", "text,label\na,x\n".encode("utf-16"))
put("csv", "nothing", "")

rows = [{"text": f"t{i}", "label": "xy"[i % 2], "split": ["train", "test"][i // 4]} for i in range(8)]
put("jsonl", "good", "".join(json.dumps(row) + "\n" for row in rows))
put("jsonl", "lists", "".join(json.dumps({"text": str(i), "label": [1, True, 2.5, "a"][: i % 5]}) + "\n" for i in range(9)))
put("jsonl", "one-list", json.dumps(rows))
put("jsonl", "deep", '{"text":' + "[" * 300 + "\n")
put("jsonl", "kinds", '{"text":1,"label":{}}\n{"image":[],"label":null}\n[]\n"x"\n\n{"id":true,"text":"a","label":""}\n')
put("jsonl", "bytes", b'\xef\xbb\xbf{"text":"a","label":"x"}\r\n{"text":"\xff","label":"y"}\n\0\n')

numpy = root / "Tests/Golden/numpy"
for path in sorted(numpy.glob("*.npy")):
    put("npy", path.stem, path.read_bytes())
for path in sorted(numpy.glob("*.npz")):
    put("npz", path.stem, path.read_bytes())


def npy(text, data=b""):
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n" + data


put("npy", "fortran", npy("{'descr':'<f4','fortran_order':True,'shape':(2,3,1)}", bytes(24)))
put("npy", "big-endian", npy("{'descr':'>U2','fortran_order':False,'shape':(2,)}", bytes(3) + b"A" + bytes(12)))
put("npy", "huge", npy("{'descr':'<f8','fortran_order':False,'shape':(4611686018427387904,4)}", bytes(8)))
put("npy", "empty-huge", npy("{'descr':'<f8','fortran_order':True,'shape':(0,9223372036854775807,3)}"))
put("npy", "deep", npy("{'descr':'<f8','fortran_order':False,'shape':" + "(" * 5000))
put("npy", "objects", npy("{'descr':'|O','fortran_order':False,'shape':(1,)}", b"\x80\x04N."))


def archive(entries):
    out, listing = b"", b""
    for name, packed, size, crc, offset in entries:
        place = len(out) if offset is None else offset
        head = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, crc, len(packed), size, len(name), 0)
        out += b"PK\3\4" + head + name + packed
        listing += b"PK\1\2" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, place) + name
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(listing), len(out), 0)
    return out + listing + b"PK\5\6" + end


def packed(data):
    work = zlib.compressobj(9, zlib.DEFLATED, -15)
    return work.compress(data) + work.flush()


zeros = npy("{'descr':'|u1','fortran_order':False,'shape':(33554432,)}", bytes(1 << 25))
bomb = packed(zeros)
put("npz", "bomb", archive([(b"a.npy", bomb, len(zeros), zlib.crc32(zeros), None)]))
small = npy("{'descr':'|u1','fortran_order':False,'shape':(4096,)}", bytes(4096))
part = (packed(small), len(small), zlib.crc32(small))
put("npz", "overlapping-entries", archive([(b"%d.npy" % i, *part, None if i == 0 else 0) for i in range(40)]))
put("npz", "path", archive([(b"../../etc/x.npy", *part, None)]))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, extra=b"", interlace=0):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


put("picture", "gray.png", png(4, 3, 8, 0, b"".join(b"\0" + bytes(4) for _ in range(3))))
put("picture", "gray-16.png", png(2, 2, 16, 0, b"\0\1\2\3\4" * 2))
put("picture", "palette.png", png(4, 2, 2, 3, b"\0\x1b\0\x1b", chunk(b"PLTE", bytes(range(12))) + chunk(b"tRNS", b"\0\x80")))
put("picture", "rgba-interlaced.png", png(3, 3, 8, 6, bytes(400), interlace=1))
put("picture", "one-bit.png", png(9, 2, 1, 0, b"\0\xaa\x80" * 2))
put("picture", "bomb.png", png(60000, 60000, 8, 2, bytes(1 << 20)))
put("picture", "bomb-below-its-limit.png", png(512, 512, 8, 2, bytes(513 * 3 * 512)))
put("picture", "text-bomb.png", png(1, 1, 8, 0, b"\0\0", chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 22), 9))))
put("picture", "animated.png", png(1, 1, 8, 0, b"\0\0", chunk(b"acTL", struct.pack(">II", 9, 0))))
for path in sorted((root / "Tests/Golden/pictures").glob("*.*")):
    if path.suffix in (".gif", ".bmp", ".tif") or path.name.startswith("animated"):
        put("picture", path.name, path.read_bytes())
gif = (root / "Tests/Golden/pictures/palette.gif").read_bytes()
put("picture", "screen-of-gigabytes.gif", gif[:6] + b"\xff" * 4 + gif[10:])
put("picture", "frame-beyond.gif", gif.replace(b",\0\0\0\0", b",\xff\xff\xff\xff", 1))
put("picture", "extensions-without-end.gif", gif[:-1] + b"!\xfe\x01a" * 400)


def bmp(header, body=b"", start=0):
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(body), 0, 0, start) + header + body


info = struct.Struct("<IiiHHIIiiII")
put("picture", "height-least.bmp", bmp(info.pack(40, 4, -2**31, 1, 24, 0, 0, 0, 0, 0, 0), bytes(64), 54))
put("picture", "palette-of-gigabytes.bmp", bmp(info.pack(40, 4, 4, 1, 8, 0, 0, 0, 0, 2**32 - 1, 0), bytes(64), 54))
put("picture", "runs-without-end.bmp", bmp(info.pack(40, 60, 60, 1, 8, 1, 0, 0, 0, 0, 0), bytes(1024) + b"\0\2\0\0" * 99, 1078))
put("picture", "masks-odd.bmp", bmp(info.pack(40, 4, 4, 1, 32, 3, 0, 0, 0, 0, 0), struct.pack("<III", 0xFF00FF, 1, 0) + bytes(64), 66))


def tiff(entries, data=b""):
    fields = b"".join(struct.pack("<HHII", tag, kind, count, value) for tag, kind, count, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + fields + struct.pack("<I", 8) + data


plain = [(256, 4, 1, 9), (257, 4, 1, 9), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 122), (277, 3, 1, 1),
         (278, 4, 1, 9), (279, 4, 1, 81)]
put("picture", "itself-next.tif", tiff(plain, bytes(81)))
put("picture", "strip-beyond.tif", tiff([(t, k, c, 2**31 if t == 279 else v) for t, k, c, v in plain], bytes(81)))
put("picture", "strips-of-gigabytes.tif", tiff([(t, k, c, 2**32 - 1 if t == 278 else v) for t, k, c, v in plain], bytes(81)))
put("picture", "tile-of-gigabytes.tif", tiff(plain[:5] + [(277, 3, 1, 1), (322, 4, 1, 2**20), (323, 4, 1, 2**20), (324, 4, 1, 8),
                                                         (325, 4, 1, 99)], bytes(81)))
for number, path in enumerate(sorted((root / "Data/emoji/images").glob("*.png"), key=lambda p: p.stat().st_size)[:3]):
    put("picture", f"emoji-{number}.png", path.read_bytes())



def wave(data, code=1, channels=1, rate=22050, bits=16, length=None, extra=b""):
    """A WAVE file."""
    form = struct.pack("<HHIIHH", code, channels, rate & 0xFFFFFFFF, rate * channels * bits // 8 & 0xFFFFFFFF,
                       channels * bits // 8 & 0xFFFF, bits) + extra
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data"
    body += struct.pack("<I", len(data) if length is None else length) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


put("sound", "short", wave(struct.pack("<600h", *range(-300, 300))))
put("sound", "floats", wave(struct.pack("<4f", 1, float("nan"), float("inf"), -1e38), code=3, bits=32))
put("sound", "stereo-24", wave(bytes(range(240)), channels=2, bits=24))
put("sound", "slow", wave(bytes(200), rate=1, bits=8))
put("sound", "fast", wave(bytes(400), rate=999_983, bits=8))
put("sound", "longer-than-said", wave(bytes(40), length=2**32 - 2))
put("sound", "no-length", wave(bytes(40), length=0))
put("sound", "no-channels", wave(bytes(40), channels=0))
put("sound", "extensible", wave(bytes(64), code=0xFFFE, extra=struct.pack("<HHI", 22, 16, 0) + b"\1" + bytes(15)))

put("text", "words", "The quick brown fox, it's 3.14! \u00e9\u00df \u4e2d\u6587 \u3042 \U0001f600\u200d\U0001f469")
put("text", "marks", "e" + "\u0301" * 2000)
put("text", "directions", "\u202eabc\u2066def\u2069 \u0000\x1b[31m\x7f\x9b")
put("text", "not-utf8", b"\xff\xc3\x28 a \xe2\x82")
put("text", "long-word", "x" * 4096)
put("text", "expanding", "\ufdfa" * 300)

put("table", "lines", '{"classes":["a","b"],"modalities":["text","image"],"prior":[0.6,0.4]}\n' + "".join(
    json.dumps({"id": str(i), "label": "ab"[i % 2], "group": "g", "full": [0.9, 0.1], "missing:image": {"b": 1, "a": 0},
                "logits/only:text": [1, -1], "swap:text:0": [0.5, 0.5], "swap:text:0:index": 1 - i,
                "grid": [[1, 0], [0.5, 0.5]]}) + "\n" for i in range(2)))
put("table", "three", "".join(json.dumps({
    "label": row % 2, "full": [0.5, 0.5], "missing:a": [1, 0], "only:b+c": [0, 1], "grid:partners": [row, 1 - row, row]}
    | {f"logits/grid:{name}": [[0, row], [1, -1]] for name in "abc"}) + "\n" for row in range(2)))
for name in ("lists", "structs", "columns", "predict-truth", "several"):
    put("table", f"{name}.parquet", (root / f"Tests/Golden/predictions/{name}.parquet").read_bytes())
put("table", "several", '{"classes":["a","b","c"]}\n{"label":["a","c"],"full":[0.9,0.2,1]}\n{"label":[],"full":[0,0,0]}\n')
put("table", "tensors", tensors({
    "__metadata__": {"classes": '["a","b"]', "ids": '["x","y"]', "modalities": '["image","text"]'},
    "labels": entry("I64", [2], 0, 16), "logits/full": entry("F64", [2, 2], 16, 48),
    "logits/swap:image:0": entry("F64", [2, 2], 48, 80), "swap:image:0:index": entry("I64", [2], 80, 96),
    "grid": entry("F64", [2, 2, 1], 96, 128), "grid:index": entry("I64", [2], 128, 144)},
    struct.pack("<2q", 0, 1) + bytes(64) + struct.pack("<2q", 1, 0) + bytes(32) + struct.pack("<2q", 0, 1)))
put("table", "metadata", tensors({"__metadata__": {"classes": "[1]", "ids": "{"}, "full": entry("F32", [1, 2], 0, 8)}, bytes(8)))
put("table", "shapes", tensors({"labels": entry("I64", [0], 0, 0), "full": entry("F64", [0, 2], 0, 0),
                                "grid": entry("F64", [1, 1, 1, 1], 0, 8), "swap:a:99999999999999999999": entry("U8", [1], 8, 9)}, bytes(9)))
put("table", "numbers", '{"label":1e300,"full":[1e308,NaN]}\n{"label":-1,"full":[null,{}]}\n')
put("table", "names", '{"label":0,"full":[1,0],"logits/logits/full":[1,0],"baseline/validation/full":[1,0],"parts/":[1,0],":":1}\n')
put("answer", "good", '{"id":"7","probabilities":[0.5,0.25,0.25]}\n{"id":8,"logits":[-1,2.5e0,0]}\n{"id":"9","label":"b"}\n')
put("answer", "tables", '{"probabilities":{"c":0.25,"a":0.5,"b":0.25},"id":"7"}\n{"id":"1","label":["a","c"]}\n{"id":"1","label":2}\n')
put("answer", "numbers", '{"id":"7","probabilities":[NaN,1e999,-0]}\n{"id":"7","logits":[1e308,-1e308,0]}\n{"id":9223372036854775808,"logits":[.5,+1,0x1]}\n')
put("answer", "nonsense", 'Loading model: 100%|\u2588\u2588|\n{"id":null}\n{}\n[]\n{"id":"\\ud800"}\n{"id":"a","error":"\\u001b[31m"}\n')
put("answer", "unfinished", '{"id":"7","probabilities":[0.5,0.25\n{"id":"7"\n{"id\n{"id":"7","probabilities":[0.1,0.2,0.7]}x\n')
put("predict", "good", '{"id":1,"text":"a"}\n{"id":"b","image":"a.png"}\n{"features":{"image":[1,2.5,-3e2]}}\n')
put("predict", "wrong", '{"txt":1}\n{}\n[]\nnull\n{"features":{"a":[1e999]}}\n{"features":[]}\n{"id":{}}\n')
put("predict", "paths", '{"image":"../../etc/passwd"}\n{"image":"a\\u0000b"}\n{"image":""}\n{"image":"file:///x y"}\n')
put("predict", "escapes", '{"id":"\\u001b[31m\\u202e","text":"\\u0000"}\n{"\\u001b]0;x\\u0007":1}\n')
put("predict", "deep", '{"features":{"a":' + "[" * 200 + "\n")

versions = {"seesaw": "0", "libtorch": "2", "swift": "6", "platform": "x"}
data = {"name": "d", "path": "d", "digests": {}, "classes": ["a", "b"], "modalities": ["image", "text"], "counts": {"train": 4}}
run = {
    "format": "seesaw-run/1", "configuration": {"seed": 0}, "provenance": {"seed": "default"}, "versions": versions,
    "threads": 1, "device": "cpu", "processor": "x", "data": data, "status": "finished", "started": "2026-01-01T00:00:00Z",
    "seconds": 1.5, "selectedEpoch": 0, "notes": ["n"],
}
put("records", "run", json.dumps(run))
put("records", "steps", '{"step":1,"epoch":0,"losses":{"fused":0.5},"scalars":{"a":1}}\n{"step":2,"epoch":0,"losses":{}}\n')
put("records", "epochs", '{"epoch":0,"train":{"a":1},"validation":{},"seconds":0.1}\n{"epoch":1')
put("records", "deep", '{"format":"seesaw-run/1","configuration":' + '{"a":' * 200)
put("records", "wrong", '{"format":"seesaw-run/2","classes":[1,2,{}],"selectedEpoch":1e300}')
put("records", "manifest", json.dumps({"format": "seesaw-features/1", "name": "d", "task": "binary", "metric": "auroc",
                                      "classes": ["a", "b"], "modalities": ["image", "text"], "about": {"raw": "../raw"}}))
put("records", "samples", '{"id":"a","image":"../b.png","text":"x\\u001b","label":["a"],"line":1,"group":"g"}\n' * 3)


def folder(files, head=""):
    """Files of a folder one after the other, each after a line with its name."""
    parts = [head.encode()]
    for name, text in files.items():
        if not isinstance(text, (bytes, str)):
            text = json.dumps(text)
        parts += [f"==> {name}\n".encode(), text if isinstance(text, bytes) else text.encode()]
    return b"".join(parts)


golden = root / "Tests/Golden"
marks = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
pieces = {piece: i for i, piece in enumerate(marks + ["the", "qu", "##ick", "b", "##r", "##own", "a", ",", ".", "3"])}
template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]"}}, {"Sequence": {"id": "A"}},
                                                     {"SpecialToken": {"id": "[SEP]"}}]}
word_piece = {
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": pieces, "max_input_chars_per_word": 100},
    "normalizer": {"type": "BertNormalizer", "lowercase": True}, "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": template, "added_tokens": [{"id": i, "content": mark, "special": True} for i, mark in enumerate(marks)],
    "truncation": {"max_length": 16}, "padding": {"pad_id": 3},
}
letters = {letter: i for i, letter in enumerate("abcdehioqrtu\u0120")}
letters |= {"th": 20, "the": 21, "\u0120b": 22, "<s>": 23, "</s>": 24, "<unk>": 25}
joins = {"model": {"type": "BPE", "vocab": letters, "merges": ["t h", ["th", "e"], "\u0120 b"], "unk_token": "<unk>"},
         "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"String": "x"},
                                                                             "content": "yy"}, {"type": "Strip"}]},
         "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True},
         "post_processor": {"type": "RobertaProcessing", "cls": ["<s>", 23], "sep": ["</s>", 24]},
         "added_tokens": [{"id": 23, "content": "<s>", "lstrip": True, "single_word": True, "normalized": True}]}
unigram = {
    "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": True, "vocab": [["<unk>", 0.0], ["<s>", 0.0], ["</s>", 0.0],
              ["\u2581the", -3.5], ["\u2581", -2.0], ["th", -4.0], ["e", -3.0], ["<0xE9>", -9.0], ["qu", -5.0]]},
    "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(struct.pack("<III", 8, 0x80000000, 5) + b"a\0").decode()},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
    "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
    "post_processor": {"type": "RobertaProcessing", "cls": ["<s>", 1], "sep": ["</s>", 2]},
}
put("tokenizer", "unigram", folder({"tokenizer.json": unigram}))
put("tokenizer", "unigram-endless", folder({"tokenizer.json": dict(unigram, model=dict(
    unigram["model"], vocab=[["<unk>", 0.0], ["", -1.0], ["a", 1e308], ["aa", 1e308], ["b", float("-inf")]]))}))
vocabulary = "\n".join(marks + ["the", "quick", "##s", "a"]) + "\n"
put("tokenizer", "word-piece", folder({"tokenizer.json": word_piece, "tokenizer_config.json": {"model_max_length": 1e30}}))
put("tokenizer", "joins", folder({"tokenizer.json": joins}))
put("tokenizer", "vocabulary", folder({
    "vocab.txt": vocabulary, "tokenizer_config.json": {"do_lower_case": False, "truncation_side": "left"},
    "special_tokens_map.json": {"unk_token": {"content": "[UNK]"}}, "sentence_bert_config.json": {"max_seq_length": 8},
    "config.json": {"max_position_embeddings": 12}}))
clip = {c: i for i, c in enumerate(["t", "h", "e</w>", "th", "the</w>", "<|startoftext|>", "<|endoftext|>"])}
put("tokenizer", "clip", folder({"vocab.json": clip, "merges.txt": "#version: 0.2\nt h\nth e</w>\n"}))
roberta = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "t": 4, "h": 5, "th": 6, "<mask>": 7}
put("tokenizer", "roberta", folder({
    "vocab.json": roberta, "merges.txt": "t h\n", "config.json": {"model_type": "roberta", "max_position_embeddings": 20}}))
put("tokenizer", "padding-overflow", folder({
    "vocab.txt": vocabulary, "config.json": {"model_type": "roberta", "max_position_embeddings": 9, "pad_token_id": 2**63 - 1}}))
put("tokenizer", "length-negative", folder({"vocab.txt": vocabulary, "tokenizer_config.json": {"model_max_length": -1e30}}))
grow = {"type": "Replace", "pattern": {"String": "e"}, "content": "e" * 50}
put("tokenizer", "declared", folder({
    "tokenizer.json": word_piece, "tokenizer_config.json": {
        "tokenizer_class": "BertTokenizer", "strip_accents": False, "added_tokens_decoder": {
            "99": {"content": "fox", "single_word": True, "normalized": True}, "3": {"content": "[PAD]", "special": True}},
        "additional_special_tokens": ["<a>", {"content": "<b>", "lstrip": True}], "own_token": "<own>"}}))
put("tokenizer", "declared-elsewhere", folder({
    "vocab.txt": vocabulary, "added_tokens.json": {"fox": 16777215, "": 7, "\u00e9": 8, "e\u0301": 9},
    "special_tokens_map.json": {"mask_token": {"content": "[MASK]", "rstrip": True}, "extra_special_tokens": {"x": "<x>"}}}))
put("tokenizer", "declared-badly", folder({
    "vocab.txt": vocabulary, "tokenizer_config.json": {"added_tokens_decoder": {"1e9": {"content": "a"}, "-1": 3}}}))
put("tokenizer", "texts-that-explode", folder({
    "tokenizer.json": dict(joins, normalizer={"type": "Sequence", "normalizers": [grow] * 40})}))
word = dict(word_piece["model"], max_input_chars_per_word=2**62)
put("tokenizer", "long-words", folder({"tokenizer.json": dict(word_piece, model=word)}) + b"e" * 4000)
word = dict(word_piece["model"], continuing_subword_prefix="#" * 5000)
put("tokenizer", "long-prefix", folder({"tokenizer.json": dict(word_piece, model=word)}))
put("tokenizer", "ends-too-long", folder({"tokenizer.json": dict(word_piece, truncation={"max_length": 3}, post_processor={
    "type": "Sequence", "processors": [template] * 5})}))

for name in ["bert", "clip", "vit", "resnet", "roberta", "sentence"]:
    put("checkpoint", name, folder({
        "config.json": (golden / f"encoders/{name}/config.json").read_text(), "vocab.txt": vocabulary,
        "preprocessor_config.json": {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}}, name))
modules = (golden / "encoders/sentence/modules.json").read_text()
put("checkpoint", "modules", folder({
    "modules.json": modules, "1_Pooling/config.json": {"pooling_mode": ["cls", "max"]},
    "2_Dense/config.json": {"in_features": 16, "out_features": 8, "activation_function": "torch.nn.ReLU"},
    "config_sentence_transformers.json": {"prompts": {"q": "query: "}, "default_prompt_name": "q"}}, "sentence"))
put("checkpoint", "modules-outside", folder({"modules.json": modules.replace("1_Pooling", "../../1_Pooling")}, "sentence"))
vit = json.loads((golden / "encoders/vit/config.json").read_text())
processors = {
    "stretched": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 2**27}},
    "crop-of-terabytes": {"image_processor_type": "CLIPImageProcessor", "crop_size": {"height": 2**28, "width": 2**28}},
    "share-of-nothing": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 224}, "crop_pct": 1e-300},
    "deviation": {"image_processor_type": "ViTImageProcessor", "image_std": [1e-300, 1, 1], "size": 8},
    "clip": {"image_processor_type": "CLIPImageProcessorFast", "size": 24, "crop_size": 20, "resample": 3, "image_mean": 0.5},
}
for name, processor in processors.items():
    put("checkpoint", f"picture-{name}", folder({"config.json": vit, "preprocessor_config.json": processor}, "vit"))
put("checkpoint", "timm", folder({"config.json": {
    "architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 64, 64], "crop_pct": 1e-9, "mean": [1, 2, 3]}}}, "resnet"))
put("checkpoint", "huge", folder({"config.json": dict(vit, hidden_size=2**28, num_hidden_layers=2**28, image_size=65536)}, "vit"))
text = json.loads((golden / "encoders/roberta/config.json").read_text())
put("checkpoint", "padding", folder({"config.json": dict(text, pad_token_id=2**63 - 1), "vocab.txt": vocabulary}, "roberta"))
put("checkpoint", "places", folder({"config.json": text, "vocab.txt": vocabulary,
                                    "sentence_bert_config.json": {"max_seq_length": 1}}, "bert"))
put("checkpoint", "padding-without-row", folder({"tokenizer.json": dict(word_piece, padding={"pad_id": 2**40})}, "bert"))
put("checkpoint", "index", folder({"model.safetensors.index.json": {"weight_map": {"a": "../b.safetensors"}}}, "bert"))


def numbers(*shape):
    count = 1
    for size in shape:
        count *= size
    return struct.pack(f"<{count}f", *[(7 * i % 11) / 3 - 1.5 for i in range(count)])


def split(count, **others):
    labels = struct.pack(f"<{count}q", *[i % 2 for i in range(count)])
    table, data = {}, b""
    for name, (kind, shape, part) in {"image": ("F32", [count, 3], numbers(count, 3)), "text": (
            "F32", [count, 2], numbers(count, 2)), "labels": ("I64", [count], labels), **others}.items():
        table[name] = entry(kind, shape, len(data), len(data) + len(part))
        data += part
    return tensors(table, data)


manifest = {"format": "seesaw-features/1", "name": "d", "task": "single-label", "metric": "accuracy", "classes": ["a", "b"],
            "modalities": ["image", "text"], "about": {"raw": "../raw"}}
splits = {"train.safetensors": split(6), "validation.safetensors": split(4), "test.safetensors": split(4)}
origin = "".join(json.dumps({"id": str(i), "text": "a b", "label": ["a"], "line": i, "group": "g"}) + "\n" for i in range(6))
put("dataset", "whole", folder({"dataset.json": manifest, **splits}))
put("dataset", "samples", folder({"dataset.json": manifest, "train.samples.jsonl": origin, **splits,
                                  "quarantine.jsonl": '{"row":3,"id":"x","reason":"y"}\n'}))
put("dataset", "conditions", folder({
    "dataset.json": manifest, **splits, "test@image-missing.safetensors": tensors({"image": entry("F32", [1, 3], 0, 12)}, bytes(12)),
    "test@image-noisy.safetensors": tensors({"image": entry("F32", [4, 3], 0, 48)}, bytes(48))}))
put("dataset", "binary", folder({"dataset.json": dict(manifest, task="binary", metric="auroc"), **splits}))
put("dataset", "several", folder({"dataset.json": dict(manifest, task="multi-label", metric="macro_f1"), **{
    name: split(4, labels=("U8", [4, 2], b"\0\1\1\0\1\1\0\0")) for name in splits}}))
put("dataset", "names", folder({"dataset.json": dict(manifest, modalities=["../image", "te\x1b[31mxt"], classes=["\u202e", ""]),
                                **splits}))
put("dataset", "not-finite", folder({"dataset.json": manifest, **splits, "test.safetensors": split(
    4, text=("F32", [4, 2], b"\0\0\xc0\x7f" * 8))}))
put("dataset", "labels-outside", folder({"dataset.json": manifest, **splits, "train.safetensors": split(
    6, labels=("I64", [6], struct.pack("<6q", 0, 1, 2, -1, 2**62, 0)))}))

if len(sys.argv) > 1:
    command = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        (work / "data").mkdir()
        (work / "data/dataset.json").write_text(json.dumps(manifest))
        for name, data in {**splits, "train.safetensors": split(24)}.items():
            (work / "data" / name).write_bytes(data)
        quick = ["-q", "--set", "training.epochs=2", "--set", "model.embedding_width=4", "--set", "training.threads=1",
                 "--set", "training.batch_size=8"]
        for name, words in {
            "compare": ["compare", "data", "--methods", "joint,balgrad", "--seeds", "1", "--tune", "2", "--sweep"],
            "diagnose": ["diagnose", "data", "--quick"],
        }.items():
            subprocess.run([command, *words, "--out", name, *quick], cwd=work, check=True, stdout=subprocess.DEVNULL)
            found = [p for p in sorted((work / name).rglob("*.json*")) if "report" not in p.parts and "tuning" not in p.parts]
            found = [p for p in found if name == "compare" or "joint" in p.parts or p.parent == work / name]
            put("report", name, folder({str(p.relative_to(work / name)): p.read_bytes() for p in found}))
        whole = (corpus / "report/compare").read_bytes()
        put("report", "markup", whole.replace(b'"joint"', b'"<script>alert(1)</script>"').replace(b'"a"', b'"</script>&"'))
        put("report", "numbers", whole.replace(b'"seconds": 0', b'"seconds": 1e300').replace(b'"epoch":1', b'"epoch":9e18'))
        put("report", "results-alone", whole[: whole.index(b"==> sweep.json")][whole.index(b"==> results.json"):])
