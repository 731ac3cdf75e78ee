#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <tiffio.h>

#include "internal.h"

// What the library says of the file that this thread reads; its handlers are the process's.
static _Thread_local char sentence[CIMAGE_MESSAGE_SIZE];

static void keep_sentence(const char *module, const char *format, va_list values) {
  (void)module;
  // The first is the cause, the others follow from it.
  if (sentence[0] == 0) vsnprintf(sentence, sizeof sentence, format, values);
}

static void quieten(void) {
  TIFFSetErrorHandler(keep_sentence);
  TIFFSetWarningHandler(NULL);
}

typedef struct {
  const uint8_t *data;
  uint64_t count, position;
  int ran_out;
} source;

static tsize_t read_bytes(thandle_t handle, tdata_t to, tsize_t count) {
  source *from = (source *)handle;
  if (count <= 0) return 0;
  const uint64_t rest = from->position < from->count ? from->count - from->position : 0;
  const uint64_t taken = (uint64_t)count < rest ? (uint64_t)count : rest;
  if (taken < (uint64_t)count) from->ran_out = 1;
  memcpy(to, from->data + (rest == 0 ? 0 : from->position), taken);
  from->position += taken;
  return (tsize_t)taken;
}

static tsize_t write_nothing(thandle_t handle, tdata_t from, tsize_t count) {
  (void)handle, (void)from, (void)count;
  return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
  source *from = (source *)handle;
  const uint64_t base = whence == SEEK_CUR ? from->position : whence == SEEK_END ? from->count : 0;
  from->position = base + (uint64_t)offset;
  return from->position;
}

static int close_nothing(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t size_of(thandle_t handle) { return ((source *)handle)->count; }

// Inks to light, rounded as for JPEG files; the library's own drops the rest of the division.
static void put_inks(
    TIFFRGBAImage *image, uint32_t *raster, uint32_t x, uint32_t y, uint32_t width, uint32_t height, int32_t from_skew,
    int32_t to_skew, unsigned char *from) {
  (void)x, (void)y;
  const size_t samples = image->samplesperpixel;
  for (; height > 0; height--) {
    for (uint32_t i = 0; i < width; i++, from += samples) {
      const unsigned light = 255u - from[3];
      uint32_t colour = 0xFF000000u;
      for (unsigned c = 0; c < 3; c++) colour |= (((255u - from[c]) * light + 127u) / 255u) << (8 * c);
      *raster++ = colour;
    }
    raster += to_skew;
    from += from_skew * (int32_t)samples;
  }
}

// Decodes into the raster, a number of 32 bits a pixel from the top, each channel times its opacity.
static cimage_status read_raster(TIFF *tiff, uint32_t *raster, cimage_picture *picture, int *has_alpha) {
  char message[1024] = "";
  TIFFRGBAImage image;
  if (!TIFFRGBAImageOK(tiff, message) || !TIFFRGBAImageBegin(&image, tiff, 1, message)) {
    cimage_say(picture, message[0] != 0 ? message : sentence);
    return CIMAGE_UNSUPPORTED;
  }
  // Turned below, as the others are.
  image.orientation = ORIENTATION_TOPLEFT;
  image.req_orientation = ORIENTATION_TOPLEFT;
  if (image.photometric == PHOTOMETRIC_SEPARATED && image.isContig && image.bitspersample == 8
      && image.samplesperpixel >= 4)
    image.put.contig = put_inks;
  uint16_t extras = 0, *kinds = NULL;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds);
  // A fourth sample of no stated meaning is none.
  *has_alpha = image.alpha != 0 && extras > 0 && kinds[0] != EXTRASAMPLE_UNSPECIFIED;
  sentence[0] = 0;
  const int is_whole = TIFFRGBAImageGet(&image, raster, picture->width, picture->height);
  TIFFRGBAImageEnd(&image);
  if (is_whole && sentence[0] == 0) return CIMAGE_OK;
  cimage_say(picture, sentence);
  return CIMAGE_DAMAGED;
}

// Those that pictures come in. Others hold memory that the file alone bounds, or are read by code that nobody keeps.
static int is_read(uint16_t compression) {
  switch (compression) {
    case COMPRESSION_NONE: case COMPRESSION_CCITTRLE: case COMPRESSION_CCITTFAX3: case COMPRESSION_CCITTFAX4:
    case COMPRESSION_CCITTRLEW: case COMPRESSION_LZW: case COMPRESSION_JPEG: case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_DEFLATE: case COMPRESSION_PACKBITS: return 1;
    default: return 0;
  }
}

static cimage_status read_picture(TIFF *tiff, uint64_t pixel_limit, cimage_picture *picture) {
  uint32_t width = 0, height = 0;
  if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width) || !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height)) {
    cimage_say(picture, "no width or no height");
    return CIMAGE_DAMAGED;
  }
  cimage_status status = cimage_admit(picture, width, height, pixel_limit);
  if (status != CIMAGE_OK) return status;
  uint16_t compression = COMPRESSION_NONE;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
  if (!is_read(compression)) {
    snprintf(picture->message, sizeof picture->message, "packed by the method %u", (unsigned)compression);
    return CIMAGE_UNSUPPORTED;
  }
  // A strip or tile is held in memory besides: no larger than the picture with 8 bytes a pixel, and some rows.
  const uint64_t part = TIFFIsTiled(tiff) ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
  if (part > (uint64_t)width * height * 8 + (16u << 20)) {
    cimage_say(picture, "a part of it is larger than the picture");
    return CIMAGE_DAMAGED;
  }
  const size_t pixels = (size_t)width * height;
  uint32_t *raster = calloc(pixels, sizeof *raster);
  if (raster == NULL) return CIMAGE_NO_MEMORY;
  picture->pixels = (uint8_t *)raster;
  int has_alpha = 0;
  status = read_raster(tiff, raster, picture, &has_alpha);
  if (status != CIMAGE_OK) return status;
  for (size_t i = 0; i < pixels; i++) {
    const uint32_t colour = raster[i];
    const unsigned paper = has_alpha ? 255u - TIFFGetA(colour) : 0;
    const unsigned channels[3] = {TIFFGetR(colour) + paper, TIFFGetG(colour) + paper, TIFFGetB(colour) + paper};
    for (size_t c = 0; c < 3; c++) picture->pixels[3 * i + c] = (uint8_t)(channels[c] > 255 ? 255 : channels[c]);
  }
  uint16_t orientation = 1;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
  return cimage_turn(picture, orientation >= 1 && orientation <= 8 ? orientation : 1);
}

cimage_status cimage_decode_tiff(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, quieten);
  sentence[0] = 0;
  source from = {data, count, 0, 0};
  // m: read, not mapped.
  TIFF *tiff = TIFFClientOpen(
      "picture", "rm", (thandle_t)&from, read_bytes, write_nothing, seek, close_nothing, size_of, NULL, NULL);
  if (tiff == NULL) {
    cimage_say(picture, sentence);
    return from.ran_out ? CIMAGE_TRUNCATED : CIMAGE_DAMAGED;
  }
  cimage_status status = read_picture(tiff, pixel_limit, picture);
  TIFFClose(tiff);
  return status == CIMAGE_DAMAGED && from.ran_out ? CIMAGE_TRUNCATED : status;
}
