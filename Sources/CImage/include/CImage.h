// Pictures in memory: JPEG, PNG, WebP, GIF, BMP and TIFF into 8-bit RGB, and the first three back.
//
// Every function takes bytes that may be hostile. None of them exits, prints, or lets a library's error leave by longjmp.

#ifndef CIMAGE_H
#define CIMAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cimage_format {
  CIMAGE_UNKNOWN = 0,
  CIMAGE_JPEG,
  CIMAGE_PNG,
  CIMAGE_WEBP,
  CIMAGE_GIF,
  CIMAGE_BMP,
  CIMAGE_TIFF,
} cimage_format;

typedef enum cimage_status {
  CIMAGE_OK = 0,
  CIMAGE_TRUNCATED,    // the data ends before the picture does
  CIMAGE_DAMAGED,      // the data contradicts its format
  CIMAGE_UNSUPPORTED,  // a valid kind of file that is not read
  CIMAGE_TOO_LARGE,    // more pixels than the caller allows
  CIMAGE_NO_MEMORY,
} cimage_status;

enum { CIMAGE_MESSAGE_SIZE = 200 };

typedef struct cimage_picture {
  uint32_t width;
  uint32_t height;
  uint8_t *pixels;                    // width * height * 3 bytes, rows from the top; NULL unless CIMAGE_OK
  char message[CIMAGE_MESSAGE_SIZE];  // the library's sentence where it failed; may be empty
} cimage_picture;

typedef struct cimage_bytes {
  uint8_t *bytes;
  size_t count;
} cimage_bytes;

/// The readable format that the data begins like.
cimage_format cimage_detect(const uint8_t *data, size_t count);

/// Decodes a picture, by its content; of several in a file the first. Transparency is laid on white, the orientation that a camera noted is applied.
///
/// `picture` is always written. Width and height are also set for CIMAGE_TOO_LARGE.
cimage_status cimage_decode(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture);

void cimage_free_picture(cimage_picture *picture);

/// Encodes rows of 1 (gray), 3 (RGB) or 4 (RGBA) channels of `depth` bits, 8 or 16 (16: native byte order).
cimage_status cimage_encode_png(
    const void *pixels, uint32_t width, uint32_t height, int channels, int depth, cimage_bytes *out);

/// Encodes rows of 1 (gray), 3 (RGB) or 4 (CMYK, as Adobe writes it: inverted) channels.
///
/// `orientation` from 2 to 8 is noted as EXIF, without turning the pixels.
cimage_status cimage_encode_jpeg(
    const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality, int progressive,
    int orientation, cimage_bytes *out);

/// Encodes rows of 3 (RGB) or 4 (RGBA) channels; a quality above 100 is lossless.
cimage_status cimage_encode_webp(
    const uint8_t *pixels, uint32_t width, uint32_t height, int channels, float quality, cimage_bytes *out);

void cimage_free_bytes(cimage_bytes *bytes);

#ifdef __cplusplus
}
#endif

#endif
