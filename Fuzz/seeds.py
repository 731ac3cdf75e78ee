"""Writes the first files of the corpus: small ones that reach every branch, and known attacks. The fuzzer adds more."""

import json
import pathlib
import struct
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
for number, path in enumerate(sorted((root / "Data/emoji/images").glob("*.png"), key=lambda p: p.stat().st_size)[:3]):
    put("picture", f"emoji-{number}.png", path.read_bytes())

put("text", "words", "The quick brown fox, it's 3.14! \u00e9\u00df \u4e2d\u6587 \u3042 \U0001f600\u200d\U0001f469")
put("text", "marks", "e" + "\u0301" * 2000)
put("text", "directions", "\u202eabc\u2066def\u2069 \u0000\x1b[31m\x7f\x9b")
put("text", "not-utf8", b"\xff\xc3\x28 a \xe2\x82")
put("text", "long-word", "x" * 4096)
put("text", "expanding", "\ufdfa" * 300)

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
