#include <stdlib.h>
#include <string.h>

#include "internal.h"

// Windows and OS/2 bitmaps. No library that is kept well reads these alone; the layout is that of Microsoft's description
// of BITMAPCOREHEADER to BITMAPV5HEADER.

enum { RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3 };

typedef struct {
  const uint8_t *data;
  size_t count;
  size_t pixels;       // where they begin
  uint32_t bits;
  uint32_t compression;
  int from_top;
  uint32_t masks[4];   // red, green, blue, alpha
  int has_alpha;
  uint8_t palette[256][3];
} bitmap;

static uint32_t read16(const bitmap *b, size_t at) { return (uint32_t)b->data[at] | (uint32_t)b->data[at + 1] << 8; }
static uint32_t read32(const bitmap *b, size_t at) { return read16(b, at) | read16(b, at + 2) << 16; }

static cimage_status cut_off(cimage_picture *picture) {
  cimage_say(picture, "the data ends early");
  return CIMAGE_TRUNCATED;
}

static cimage_status not_read(cimage_picture *picture, const char *what) {
  cimage_say(picture, what);
  return CIMAGE_UNSUPPORTED;
}

int cimage_is_bmp(const uint8_t *data, size_t count) {
  if (count < 18 || data[0] != 'B' || data[1] != 'M' || data[15] != 0 || data[16] != 0 || data[17] != 0) return 0;
  switch (data[14]) {
    case 12: case 40: case 52: case 56: case 64: case 108: case 124: return 1;
    default: return 0;
  }
}

// The colours, behind the header; those that a short palette lacks are levels of gray.
static cimage_status read_palette(bitmap *b, size_t at, uint32_t colours, size_t size, cimage_picture *picture) {
  if (colours == 0 || colours > 65536) {
    cimage_say(picture, "a palette of an impossible size");
    return CIMAGE_DAMAGED;
  }
  for (int i = 0; i < 256; i++) memset(b->palette[i], i, 3);
  if (at > b->count || colours > (b->count - at) / size) return cut_off(picture);
  for (uint32_t i = 0; i < colours && i < 256; i++)
    for (size_t c = 0; c < 3; c++) b->palette[i][c] = b->data[at + i * size + 2 - c];
  return CIMAGE_OK;
}

static cimage_status read_header(bitmap *b, uint64_t pixel_limit, cimage_picture *picture) {
  const size_t header = b->data[14];
  if (b->count < 14 + header) return cut_off(picture);
  uint32_t colours = 0;
  uint64_t width, height;
  size_t colour_size = 4;
  if (header == 12) {
    width = read16(b, 18);
    height = read16(b, 20);
    b->bits = read16(b, 24);
    colour_size = 3;
  } else {
    width = read32(b, 18);
    height = read32(b, 22);
    // Rows from the top are told by a negative height.
    b->from_top = b->data[25] == 0xFF;
    if (b->from_top) height = (1ull << 32) - height;
    b->bits = read16(b, 28);
    b->compression = read32(b, 30);
    colours = read32(b, 46);
  }
  switch (b->bits) {
    case 1: case 4: case 8: case 16: case 24: case 32: break;
    default: return not_read(picture, "a number of bits a pixel that is not read");
  }
  size_t after = 14 + header;
  if (b->compression == BITFIELDS) {
    // The oldest header has the masks behind it, and none for transparency.
    const size_t masks = header == 40 ? 3 : header == 52 ? 3 : 4;
    if (b->count < 54 + 4 * masks) return cut_off(picture);
    for (size_t i = 0; i < masks; i++) b->masks[i] = read32(b, 54 + 4 * i);
    if (header == 40) after += 12;
    if (b->bits < 16) return not_read(picture, "masks of a picture with a palette");
  } else if (b->compression == RLE8 || b->compression == RLE4) {
    if (b->bits != (b->compression == RLE8 ? 8u : 4u)) return not_read(picture, "packed by runs of another size");
  } else if (b->compression != RAW) {
    return not_read(picture, "a way of packing that is not read");
  }
  cimage_status status = cimage_admit(picture, width, height, pixel_limit);
  if (status != CIMAGE_OK) return status;
  b->pixels = read32(b, 10);
  if (b->bits <= 8) {
    if (colours == 0) colours = 1u << b->bits;
    status = read_palette(b, after, colours, colour_size, picture);
    after += colour_size * colours;
  }
  // Old writers left the place out, or forgot the palette in it.
  if (b->pixels == 0 || (b->bits <= 8 && b->pixels == 14 + header)) b->pixels = after;
  return status;
}

// A channel brought to 0...255; a mask of neighbouring bits.
static uint8_t channel(uint32_t value, uint32_t mask) {
  if (mask == 0) return 0;
  while (!(mask & 1)) {
    mask >>= 1;
    value >>= 1;
  }
  return (uint8_t)((uint64_t)(value & mask) * 255 / mask);
}

static cimage_status take_masks(bitmap *b, cimage_picture *picture) {
  static const uint32_t of_15[4] = {0x7C00, 0x3E0, 0x1F, 0}, of_24[4] = {0xFF0000, 0xFF00, 0xFF, 0};
  static const uint32_t of_32[4] = {0xFF0000, 0xFF00, 0xFF, 0xFF000000};
  const int is_empty = !(b->masks[0] | b->masks[1] | b->masks[2] | b->masks[3]);
  if (b->compression != BITFIELDS || is_empty) {
    memcpy(b->masks, b->bits == 16 ? of_15 : of_24, sizeof b->masks);
    // Masks of nothing mean those of 32 bits, transparency among them.
    if (b->compression == BITFIELDS && b->bits == 32) memcpy(b->masks, of_32, sizeof b->masks);
  }
  for (int i = 0; i < 4; i++) {
    const uint32_t mask = b->masks[i], lowest = mask & (~mask + 1);
    const uint32_t carried = mask + lowest;  // one bit, or none, where the mask is one run
    if (mask != 0 && (carried & (carried - 1)) != 0) return not_read(picture, "masks that are not read");
    if (i < 3 && mask == 0) return not_read(picture, "masks that are not read");
  }
  b->has_alpha = b->bits == 32 && b->masks[3] != 0;
  return CIMAGE_OK;
}

// Rows of 1 to 32 bits a pixel, each filled up to four bytes.
static cimage_status read_raw(bitmap *b, cimage_picture *picture) {
  const size_t width = picture->width, height = picture->height;
  const size_t stride = (width * b->bits + 31) / 32 * 4;
  if (b->pixels > b->count || height > (b->count - b->pixels) / stride) {
    // The last row may lack what it is filled up with.
    const size_t needed = stride * (height - 1) + (width * b->bits + 7) / 8;
    if (b->pixels > b->count || needed > b->count - b->pixels) return cut_off(picture);
  }
  for (size_t y = 0; y < height; y++) {
    const uint8_t *from = b->data + b->pixels + stride * (b->from_top ? y : height - 1 - y);
    uint8_t *row = picture->pixels + y * width * 3;
    for (size_t x = 0; x < width; x++, row += 3) {
      if (b->bits <= 8) {
        const size_t bit = x * b->bits;
        const unsigned index = from[bit / 8] >> (8 - b->bits - bit % 8) & ((1u << b->bits) - 1);
        memcpy(row, b->palette[index], 3);
        continue;
      }
      uint32_t value = 0;
      for (size_t i = 0; i < b->bits / 8; i++) value |= (uint32_t)from[x * (b->bits / 8) + i] << (8 * i);
      uint8_t colour[4];
      for (size_t c = 0; c < 3; c++) colour[c] = channel(value, b->masks[c]);
      if (b->has_alpha) {
        colour[3] = channel(value, b->masks[3]);
        cimage_flatten(colour, 1);
      }
      memcpy(row, colour, 3);
    }
  }
  return CIMAGE_OK;
}

// Indices of runs into one byte a pixel, rows in the order of the file; what a jump passes over is 0.
static cimage_status unpack(const bitmap *b, uint8_t *out, size_t width, size_t height, cimage_picture *picture) {
  const size_t all = width * height;
  const int nibbles = b->compression == RLE4;
  size_t at = b->pixels, done = 0, x = 0;
  while (done < all) {
    if (at > b->count || b->count - at < 2) return cut_off(picture);
    const size_t run = b->data[at];
    const uint8_t value = b->data[at + 1];
    at += 2;
    if (run > 0) {
      const size_t taken = run > width - x ? width - x : run;
      for (size_t i = 0; i < taken; i++) out[done + i] = !nibbles ? value : i % 2 == 0 ? value >> 4 : value & 15;
      done += taken;
      x += taken;
    } else if (value == 0) {
      if (done % width != 0) done += width - done % width;
      x = 0;
    } else if (value == 1) {
      return CIMAGE_OK;
    } else if (value == 2) {
      if (b->count - at < 2) return cut_off(picture);
      const size_t jump = b->data[at] + b->data[at + 1] * width;
      at += 2;
      done += jump > all - done ? all - done : jump;
      x = done % width;
    } else {
      const size_t taken = value > all - done ? all - done : value;
      const size_t bytes = nibbles ? ((size_t)value + 1) / 2 : value;
      if (bytes > b->count - at) return cut_off(picture);
      for (size_t i = 0; i < taken; i++)
        out[done + i] = !nibbles ? b->data[at + i] : i % 2 == 0 ? b->data[at + i / 2] >> 4 : b->data[at + i / 2] & 15;
      done += taken;
      x = x + value > width ? width : x + value;
      at += bytes + bytes % 2;
    }
  }
  return CIMAGE_OK;
}

static cimage_status read_runs(bitmap *b, cimage_picture *picture) {
  const size_t width = picture->width, height = picture->height;
  uint8_t *indices = calloc(width, height);
  if (indices == NULL) return CIMAGE_NO_MEMORY;
  const cimage_status status = unpack(b, indices, width, height, picture);
  for (size_t y = 0; y < height && status == CIMAGE_OK; y++) {
    const uint8_t *from = indices + width * (b->from_top ? y : height - 1 - y);
    for (size_t x = 0; x < width; x++) memcpy(picture->pixels + (y * width + x) * 3, b->palette[from[x]], 3);
  }
  free(indices);
  return status;
}

cimage_status cimage_decode_bmp(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture) {
  bitmap b;
  memset(&b, 0, sizeof b);
  b.data = data;
  b.count = count;
  cimage_status status = read_header(&b, pixel_limit, picture);
  if (status == CIMAGE_OK && b.bits > 8) status = take_masks(&b, picture);
  if (status != CIMAGE_OK) return status;
  picture->pixels = malloc((size_t)picture->width * picture->height * 3);
  if (picture->pixels == NULL) return CIMAGE_NO_MEMORY;
  return b.compression == RLE8 || b.compression == RLE4 ? read_runs(&b, picture) : read_raw(&b, picture);
}
