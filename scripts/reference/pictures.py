"""Small pictures in the forms that Pillow reads, and their pixels: Tests/Golden/pictures.

Pixels are those of convert("RGB"), and of convert("RGBA") laid on white where a picture is transparent.
"""

import io
import struct

import numpy
import PIL
from PIL import Image
from safetensors.numpy import save_file

from .common import GOLDEN, versions, write_json

FOLDER = GOLDEN / "pictures"
WIDTH, HEIGHT = 21, 13


def colours(shift: int = 0) -> Image.Image:
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    return Image.fromarray(numpy.stack([(x * 12 + shift) % 256, y * 19 % 256, (x + y) % 3 * 80 + 20], 2).astype("uint8"))


def transparent() -> Image.Image:
    image = colours().convert("RGBA")
    image.putalpha(Image.fromarray(numpy.tile(numpy.linspace(0, 255, WIDTH).astype("uint8"), (HEIGHT, 1))))
    return image


def few() -> Image.Image:
    return colours().quantize(13)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gif_with_offset(transparency: int | None) -> bytes:
    """A frame that covers a part of the screen, with a palette of its own."""
    inside = saved(few(), "GIF")
    packed, bits = inside[10], (inside[10] & 7) + 1
    palette = inside[13:13 + 3 * (1 << bits)]
    at = inside.index(b",", 13 + len(palette))
    frame = inside[at:]
    out = b"GIF89a" + struct.pack("<HHBBB", 40, 30, 0xF0 | 1, 0, 0) + bytes([9, 99, 199] * 4)
    if transparency is not None:
        out += bytes([0x21, 0xF9, 4, 1, 0, 0, transparency, 0])
    return out + b"," + struct.pack("<HHHHB", 7, 5, WIDTH, HEIGHT, 0x80 | packed & 7) + palette + frame[10:]


def bmp(bits: int, rows: bytes, *, header: int = 40, compression: int = 0, palette: bytes = b"", masks: bytes = b"",
        top_down: bool = False, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIIIII", header, width, -height if top_down else height, 1, bits, compression, len(rows),
                           2835, 2835, 0, 0)
        if header > 40:
            info += masks.ljust(16, b"\0")
            info += bytes(header - len(info))
            masks = b""
    start = 14 + len(info) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + info + masks + palette + rows


def rows_of(values: numpy.ndarray) -> bytes:
    lines = [bytes(row) + bytes(-len(row) % 4) for row in values.reshape(HEIGHT, -1).view("uint8")]
    return b"".join(lines[::-1])


def run_lengths(four_bits: bool) -> bytes:
    """Runs, stretches of single pixels, a jump, and rows that end early."""
    if four_bits:
        return (bytes([21, 0x12, 0, 0, 0, 5, 0x34, 0x56, 0x70, 0, 9, 0x21, 0, 0, 0, 2, 3, 1, 4, 0x99, 0, 0])
                + bytes([21, 0x31, 0, 0]) * 9 + bytes([0, 1]))
    return (bytes([21, 3, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 9, 7, 0, 0, 0, 2, 3, 1, 4, 9, 0, 0]) + bytes([21, 11, 0, 0]) * 9
            + bytes([0, 1]))


def files() -> dict[str, bytes]:
    first, second, alpha = colours(), colours(90), transparent()
    palette = bytes(v for i in range(256) for v in (i * 7 % 256, i * 5 % 256, i * 3 % 256, 0))
    levels = numpy.asarray(first, dtype="uint32")
    red, green, blue = levels[..., 0], levels[..., 1], levels[..., 2]
    indices = numpy.asarray(few())
    cmyk = first.convert("CMYK")
    inks = saved(cmyk, "JPEG", quality=100, subsampling=0)
    marker = inks.index(b"\xff\xee")
    length = struct.unpack(">H", inks[marker + 2:marker + 4])[0]
    made = {
        "palette.gif": saved(few(), "GIF"), "gray.gif": saved(first.convert("L"), "GIF"),
        "interlaced.gif": saved(few(), "GIF", interlace=True), "plain-rows.gif": saved(few(), "GIF", interlace=False),
        "transparent.gif": saved(few(), "GIF", transparency=3), "part.gif": gif_with_offset(None),
        "part-transparent.gif": gif_with_offset(2),
        "animated.gif": saved(few(), "GIF", save_all=True, append_images=[second.quantize(7)], duration=50),
        "rgb.bmp": saved(first, "BMP"), "gray.bmp": saved(first.convert("L"), "BMP"),
        "palette.bmp": saved(few(), "BMP"), "one-bit.bmp": saved(first.convert("1"), "BMP"),
        "rgba.bmp": saved(alpha, "BMP"),
        "four-bits.bmp": bmp(4, rows_of((indices[:, 0::2] << 4 | numpy.pad(indices[:, 1::2], ((0, 0), (0, 1)))).astype("uint8")),
                             palette=palette[:64]),
        "fifteen.bmp": bmp(16, rows_of((red >> 3 << 10 | green >> 3 << 5 | blue >> 3).astype("<u2"))),
        "sixteen.bmp": bmp(16, rows_of((red >> 3 << 11 | green >> 2 << 5 | blue >> 3).astype("<u2")), compression=3,
                           masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)),
        "thirty-two.bmp": bmp(32, rows_of((red << 16 | green << 8 | blue | 0x11000000).astype("<u4"))),
        "masks-with-alpha.bmp": bmp(32, rows_of((red << 16 | green << 8 | blue | (blue + 40) << 24).astype("<u4")), header=124,
                                    compression=3, masks=struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        "from-the-top.bmp": bmp(24, rows_of(numpy.asarray(first)[..., ::-1]), top_down=True),
        "os2.bmp": bmp(8, rows_of(indices), header=12, palette=bytes(v for i in range(256) for v in palette[4 * i:4 * i + 3])),
        "runs-8.bmp": bmp(8, run_lengths(False), compression=1, palette=palette),
        "runs-4.bmp": bmp(4, run_lengths(True), compression=2, palette=palette[:64]),
        "plain.tif": saved(first, "TIFF"), "gray.tif": saved(first.convert("L"), "TIFF"),
        "palette.tif": saved(few(), "TIFF"), "one-bit.tif": saved(first.convert("1"), "TIFF"),
        "fax.tif": saved(first.convert("1"), "TIFF", compression="group4"),
        "cmyk.tif": saved(cmyk, "TIFF"), "rgba.tif": saved(alpha, "TIFF"),
        "two-pages.tif": saved(first, "TIFF", save_all=True, append_images=[second]),
        "turned.tif": saved(first, "TIFF", tiffinfo={274: 6}), "mirrored.tif": saved(first, "TIFF", tiffinfo={274: 2}),
        **{f"{name}.tif": saved(first, "TIFF", compression=name)
           for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")},
        "animated.webp": saved(first, "WEBP", save_all=True, append_images=[second], duration=50, lossless=True),
        "animated-alpha.webp": saved(alpha, "WEBP", save_all=True, append_images=[second], duration=50, lossless=True),
        "inks.jpg": inks, "inks-without-marker.jpg": inks[:marker] + inks[marker + 2 + length:],
    }
    return made


def pixels(data: bytes) -> numpy.ndarray:
    image = Image.open(io.BytesIO(data))
    if image.mode in ("RGBA", "RGBa", "LA") or "transparency" in image.info:
        both = numpy.asarray(image.convert("RGBA"), dtype="int64")
        opacity = both[..., 3:]
        return ((both[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255).astype("uint8")
    return numpy.array(image.convert("RGB"))


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = files()
    for name, data in made.items():
        (FOLDER / name).write_bytes(data)
    save_file({name: numpy.ascontiguousarray(pixels(data)) for name, data in made.items()}, FOLDER / "expected.safetensors")
    write_json(FOLDER / "versions.json", versions(pillow=PIL.__version__))


if __name__ == "__main__":
    main()
