#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>

#include "internal.h"

static cimage_status translate(VP8StatusCode code, cimage_picture *picture) {
  switch (code) {
    case VP8_STATUS_OK: return CIMAGE_OK;
    case VP8_STATUS_OUT_OF_MEMORY: return CIMAGE_NO_MEMORY;
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: cimage_say(picture, "the data ends early"); return CIMAGE_TRUNCATED;
    case VP8_STATUS_UNSUPPORTED_FEATURE: cimage_say(picture, "a feature that is not read"); return CIMAGE_UNSUPPORTED;
    default: cimage_say(picture, "the bitstream makes no sense"); return CIMAGE_DAMAGED;
  }
}

// The orientation in the EXIF chunk; 1 where there is none.
static int orientation_of(const uint8_t *data, size_t count) {
  for (size_t at = 12; at + 8 <= count;) {
    const size_t size = (size_t)data[at + 4] | (size_t)data[at + 5] << 8 | (size_t)data[at + 6] << 16
        | (size_t)data[at + 7] << 24;
    if (size > count - at - 8) return 1;
    if (memcmp(data + at, "EXIF", 4) == 0) return cimage_orientation(data + at + 8, size);
    at += 8 + size + size % 2;
  }
  return 1;
}

// The first frame of an animation, on its canvas.
static cimage_status read_first_frame(const uint8_t *data, size_t count, int has_alpha, cimage_picture *picture) {
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options)) return CIMAGE_UNSUPPORTED;
  options.color_mode = MODE_RGBA;
  const WebPData bytes = {data, count};
  WebPAnimDecoder *decoder = WebPAnimDecoderNew(&bytes, &options);
  if (decoder == NULL) return translate(VP8_STATUS_BITSTREAM_ERROR, picture);
  const size_t pixels = (size_t)picture->width * picture->height;
  WebPAnimInfo info;
  uint8_t *canvas = NULL;
  int moment;
  cimage_status status = CIMAGE_OK;
  if (!WebPAnimDecoderGetInfo(decoder, &info) || info.canvas_width != picture->width
      || info.canvas_height != picture->height || !WebPAnimDecoderGetNext(decoder, &canvas, &moment) || canvas == NULL)
    status = translate(VP8_STATUS_BITSTREAM_ERROR, picture);
  if (status == CIMAGE_OK && (picture->pixels = malloc(pixels * 4)) == NULL) status = CIMAGE_NO_MEMORY;
  if (status == CIMAGE_OK) {
    memcpy(picture->pixels, canvas, pixels * 4);
    // Without transparency what no frame covers is black.
    if (!has_alpha) for (size_t i = 0; i < pixels; i++) picture->pixels[4 * i + 3] = 255;
    cimage_flatten(picture->pixels, pixels);
  }
  WebPAnimDecoderDelete(decoder);
  return status;
}

cimage_status cimage_decode_webp(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture) {
  const uint64_t declared = 8 + ((uint64_t)data[4] | (uint64_t)data[5] << 8 | (uint64_t)data[6] << 16
                                 | (uint64_t)data[7] << 24);
  if (declared > count) return translate(VP8_STATUS_NOT_ENOUGH_DATA, picture);
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return CIMAGE_UNSUPPORTED;
  cimage_status status = translate(WebPGetFeatures(data, count, &config.input), picture);
  if (status != CIMAGE_OK) return status;
  if (config.input.width <= 0 || config.input.height <= 0) return translate(VP8_STATUS_BITSTREAM_ERROR, picture);
  status = cimage_admit(picture, (uint64_t)config.input.width, (uint64_t)config.input.height, pixel_limit);
  if (status != CIMAGE_OK) return status;
  if (config.input.has_animation) {
    status = read_first_frame(data, count, config.input.has_alpha, picture);
    return status == CIMAGE_OK ? cimage_turn(picture, orientation_of(data, count)) : status;
  }

  const size_t pixels = (size_t)picture->width * picture->height;
  const size_t channels = config.input.has_alpha ? 4 : 3;
  picture->pixels = malloc(pixels * channels);
  if (picture->pixels == NULL) return CIMAGE_NO_MEMORY;
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = picture->pixels;
  config.output.u.RGBA.stride = (int)(picture->width * channels);
  config.output.u.RGBA.size = pixels * channels;
  status = translate(WebPDecode(data, count, &config), picture);
  WebPFreeDecBuffer(&config.output);
  if (status != CIMAGE_OK) return status;
  if (channels == 4) cimage_flatten(picture->pixels, pixels);
  return cimage_turn(picture, orientation_of(data, count));
}

cimage_status cimage_encode_webp(
    const uint8_t *pixels, uint32_t width, uint32_t height, int channels, float quality, cimage_bytes *out) {
  out->bytes = NULL;
  out->count = 0;
  if ((channels != 3 && channels != 4) || width > WEBP_MAX_DIMENSION || height > WEBP_MAX_DIMENSION)
    return CIMAGE_UNSUPPORTED;
  const int w = (int)width, h = (int)height, stride = w * channels;
  uint8_t *made = NULL;
  size_t count;
  if (channels == 3)
    count = quality > 100 ? WebPEncodeLosslessRGB(pixels, w, h, stride, &made)
                          : WebPEncodeRGB(pixels, w, h, stride, quality, &made);
  else
    count = quality > 100 ? WebPEncodeLosslessRGBA(pixels, w, h, stride, &made)
                          : WebPEncodeRGBA(pixels, w, h, stride, quality, &made);
  if (count == 0) return CIMAGE_DAMAGED;
  // Copied, so that one function frees the bytes of every format.
  out->bytes = malloc(count);
  if (out->bytes == NULL) {
    WebPFree(made);
    return CIMAGE_NO_MEMORY;
  }
  memcpy(out->bytes, made, count);
  out->count = count;
  WebPFree(made);
  return CIMAGE_OK;
}
