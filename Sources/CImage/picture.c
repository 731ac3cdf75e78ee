#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void cimage_say(cimage_picture *picture, const char *message) {
  snprintf(picture->message, sizeof picture->message, "%s", message);
}

cimage_status cimage_admit(cimage_picture *picture, uint64_t width, uint64_t height, uint64_t pixel_limit) {
  if (width == 0 || height == 0 || width > UINT32_MAX || height > UINT32_MAX) {
    cimage_say(picture, "no pixels");
    return CIMAGE_DAMAGED;
  }
  picture->width = (uint32_t)width;
  picture->height = (uint32_t)height;
  return width > pixel_limit / height ? CIMAGE_TOO_LARGE : CIMAGE_OK;
}

void cimage_flatten(uint8_t *pixels, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t *from = pixels + 4 * i;
    const unsigned alpha = from[3];
    uint8_t *to = pixels + 3 * i;
    for (int c = 0; c < 3; c++) to[c] = (uint8_t)((from[c] * alpha + 255u * (255u - alpha) + 127u) / 255u);
  }
}

static unsigned read16(const uint8_t *at, int big) { return big ? at[0] << 8 | at[1] : at[1] << 8 | at[0]; }

static uint32_t read32(const uint8_t *at, int big) {
  return big ? (uint32_t)read16(at, 1) << 16 | read16(at + 2, 1) : (uint32_t)read16(at + 2, 0) << 16 | read16(at, 0);
}

int cimage_orientation(const uint8_t *exif, size_t count) {
  const size_t prefix = count >= 6 && memcmp(exif, "Exif\0\0", 6) == 0 ? 6 : 0;
  const uint8_t *tiff = exif + prefix;
  const size_t size = count - prefix;
  if (size < 8 || (memcmp(tiff, "MM", 2) != 0 && memcmp(tiff, "II", 2) != 0)) return 1;
  const int big = tiff[0] == 'M';
  const size_t directory = read32(tiff + 4, big);
  if (directory > size - 2) return 1;
  const unsigned entries = read16(tiff + directory, big);
  for (unsigned i = 0; i < entries; i++) {
    const size_t entry = directory + 2 + 12 * (size_t)i;
    if (entry + 12 > size) break;
    if (read16(tiff + entry, big) != 0x0112 || read16(tiff + entry + 2, big) != 3) continue;
    const unsigned value = read16(tiff + entry + 8, big);
    return value >= 1 && value <= 8 ? (int)value : 1;
  }
  return 1;
}

cimage_status cimage_turn(cimage_picture *picture, int orientation) {
  if (orientation <= 1) return CIMAGE_OK;
  const size_t width = picture->width, height = picture->height;
  const int transposed = orientation >= 5;
  const size_t new_width = transposed ? height : width, new_height = transposed ? width : height;
  uint8_t *turned = malloc(width * height * 3);
  if (turned == NULL) return CIMAGE_NO_MEMORY;
  for (size_t y = 0; y < new_height; y++) {
    for (size_t x = 0; x < new_width; x++) {
      size_t from_x = transposed ? y : x, from_y = transposed ? x : y;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) from_x = width - 1 - from_x;
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) from_y = height - 1 - from_y;
      memcpy(turned + (y * new_width + x) * 3, picture->pixels + (from_y * width + from_x) * 3, 3);
    }
  }
  free(picture->pixels);
  picture->pixels = turned;
  picture->width = (uint32_t)new_width;
  picture->height = (uint32_t)new_height;
  return CIMAGE_OK;
}

cimage_format cimage_detect(const uint8_t *data, size_t count) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A};
  if (count >= 3 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF) return CIMAGE_JPEG;
  if (count >= 8 && memcmp(data, png, 8) == 0) return CIMAGE_PNG;
  if (count >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0) return CIMAGE_WEBP;
  if (count >= 6 && (memcmp(data, "GIF87a", 6) == 0 || memcmp(data, "GIF89a", 6) == 0)) return CIMAGE_GIF;
  if (cimage_is_bmp(data, count)) return CIMAGE_BMP;
  // 42, or 43 for files beyond 4 GiB, in either order of bytes.
  if (count >= 4 && memcmp(data, "II", 2) == 0 && (data[2] == 42 || data[2] == 43) && data[3] == 0) return CIMAGE_TIFF;
  if (count >= 4 && memcmp(data, "MM", 2) == 0 && data[2] == 0 && (data[3] == 42 || data[3] == 43)) return CIMAGE_TIFF;
  return CIMAGE_UNKNOWN;
}

cimage_status cimage_decode(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture) {
  memset(picture, 0, sizeof *picture);
  cimage_status status = CIMAGE_UNSUPPORTED;
  switch (cimage_detect(data, count)) {
    case CIMAGE_JPEG: status = cimage_decode_jpeg(data, count, pixel_limit, picture); break;
    case CIMAGE_PNG: status = cimage_decode_png(data, count, pixel_limit, picture); break;
    case CIMAGE_WEBP: status = cimage_decode_webp(data, count, pixel_limit, picture); break;
    case CIMAGE_GIF: status = cimage_decode_gif(data, count, pixel_limit, picture); break;
    case CIMAGE_BMP: status = cimage_decode_bmp(data, count, pixel_limit, picture); break;
    case CIMAGE_TIFF: status = cimage_decode_tiff(data, count, pixel_limit, picture); break;
    case CIMAGE_UNKNOWN: break;
  }
  if (status != CIMAGE_OK) {
    free(picture->pixels);
    picture->pixels = NULL;
  }
  return status;
}

void cimage_free_picture(cimage_picture *picture) {
  free(picture->pixels);
  picture->pixels = NULL;
}

void cimage_free_bytes(cimage_bytes *bytes) {
  free(bytes->bytes);
  bytes->bytes = NULL;
  bytes->count = 0;
}
