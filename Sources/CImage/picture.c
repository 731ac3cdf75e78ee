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

cimage_format cimage_detect(const uint8_t *data, size_t count) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A};
  if (count >= 3 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF) return CIMAGE_JPEG;
  if (count >= 8 && memcmp(data, png, 8) == 0) return CIMAGE_PNG;
  if (count >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0) return CIMAGE_WEBP;
  return CIMAGE_UNKNOWN;
}

cimage_status cimage_decode(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture) {
  memset(picture, 0, sizeof *picture);
  cimage_status status = CIMAGE_UNSUPPORTED;
  switch (cimage_detect(data, count)) {
    case CIMAGE_JPEG: status = cimage_decode_jpeg(data, count, pixel_limit, picture); break;
    case CIMAGE_PNG: status = cimage_decode_png(data, count, pixel_limit, picture); break;
    case CIMAGE_WEBP: status = cimage_decode_webp(data, count, pixel_limit, picture); break;
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
