#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "internal.h"

// Everything that longjmp may leave behind lives here, not in locals whose values a jump makes indeterminate.
typedef struct {
  const uint8_t *data;
  size_t count, position;
  png_structp png;
  png_infop info;
  png_bytep *rows;
  cimage_status status;
  char message[CIMAGE_MESSAGE_SIZE];
  uint8_t *out;
  size_t out_count, out_capacity;
} state;

_Noreturn static void fail(png_structp png, png_const_charp message) {
  state *s = png_get_error_ptr(png);
  if (s->status == CIMAGE_OK) s->status = CIMAGE_DAMAGED;
  snprintf(s->message, sizeof s->message, "%s", message);
  png_longjmp(png, 1);
}

static void stay_silent(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static void read_bytes(png_structp png, png_bytep to, size_t count) {
  state *s = png_get_io_ptr(png);
  if (count > s->count - s->position) {
    s->status = CIMAGE_TRUNCATED;
    png_error(png, "the data ends early");
  }
  memcpy(to, s->data + s->position, count);
  s->position += count;
}

cimage_status cimage_decode_png(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture) {
  state s;
  memset(&s, 0, sizeof s);
  s.data = data;
  s.count = count;
  s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, fail, stay_silent);
  if (s.png == NULL) return CIMAGE_NO_MEMORY;
  s.info = png_create_info_struct(s.png);
  if (s.info == NULL) {
    png_destroy_read_struct(&s.png, NULL, NULL);
    return CIMAGE_NO_MEMORY;
  }
  if (setjmp(png_jmpbuf(s.png))) {
    cimage_say(picture, s.message);
    free(s.rows);
    png_destroy_read_struct(&s.png, &s.info, NULL);
    return s.status;
  }
  png_set_read_fn(s.png, &s, read_bytes);
  png_set_user_limits(s.png, 0x7FFFFFFF, 0x7FFFFFFF);  // admitted below, by area
  png_set_keep_unknown_chunks(s.png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
  png_read_info(s.png, s.info);

  s.status = cimage_admit(
      picture, png_get_image_width(s.png, s.info), png_get_image_height(s.png, s.info), pixel_limit);
  if (s.status == CIMAGE_OK) {
    picture->pixels = malloc((size_t)picture->width * picture->height * 4);
    s.rows = malloc((size_t)picture->height * sizeof *s.rows);
    if (picture->pixels == NULL || s.rows == NULL) s.status = CIMAGE_NO_MEMORY;
  }
  if (s.status == CIMAGE_OK) {
    png_set_scale_16(s.png);
    png_set_expand(s.png);  // palettes, 1 to 4 bits, transparent colours
    png_set_gray_to_rgb(s.png);
    png_set_add_alpha(s.png, 0xFF, PNG_FILLER_AFTER);
    png_set_interlace_handling(s.png);
    png_read_update_info(s.png, s.info);
    const size_t stride = (size_t)picture->width * 4;
    if (png_get_rowbytes(s.png, s.info) != stride) png_error(s.png, "rows of an unexpected width");
    for (size_t y = 0; y < picture->height; y++) s.rows[y] = picture->pixels + y * stride;
    png_read_image(s.png, s.rows);
    png_read_end(s.png, NULL);
    cimage_flatten(picture->pixels, (size_t)picture->width * picture->height);
    png_bytep exif;
    png_uint_32 exif_count;
    if (png_get_eXIf_1(s.png, s.info, &exif_count, &exif) != 0)
      s.status = cimage_turn(picture, cimage_orientation(exif, exif_count));
  }
  free(s.rows);
  png_destroy_read_struct(&s.png, &s.info, NULL);
  return s.status;
}

static void write_bytes(png_structp png, png_bytep from, size_t count) {
  state *s = png_get_io_ptr(png);
  if (count > s->out_capacity - s->out_count) {
    const size_t capacity = (s->out_count + count) * 2;
    uint8_t *grown = realloc(s->out, capacity);
    if (grown == NULL) {
      s->status = CIMAGE_NO_MEMORY;
      png_error(png, "out of memory");
    }
    s->out = grown;
    s->out_capacity = capacity;
  }
  memcpy(s->out + s->out_count, from, count);
  s->out_count += count;
}

static void flush_nothing(png_structp png) { (void)png; }

cimage_status cimage_encode_png(
    const void *pixels, uint32_t width, uint32_t height, int channels, int depth, cimage_bytes *out) {
  out->bytes = NULL;
  out->count = 0;
  if ((channels != 1 && channels != 3 && channels != 4) || (depth != 8 && depth != 16)) return CIMAGE_UNSUPPORTED;
  state s;
  memset(&s, 0, sizeof s);
  s.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s, fail, stay_silent);
  if (s.png == NULL) return CIMAGE_NO_MEMORY;
  s.info = png_create_info_struct(s.png);
  if (s.info == NULL) {
    png_destroy_write_struct(&s.png, NULL);
    return CIMAGE_NO_MEMORY;
  }
  if (setjmp(png_jmpbuf(s.png))) {
    free(s.out);
    png_destroy_write_struct(&s.png, &s.info);
    return s.status;
  }
  png_set_write_fn(s.png, &s, write_bytes, flush_nothing);
  const int colour = channels == 1 ? PNG_COLOR_TYPE_GRAY : channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGB_ALPHA;
  png_set_IHDR(
      s.png, s.info, width, height, depth, colour, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
      PNG_FILTER_TYPE_DEFAULT);
  png_write_info(s.png, s.info);
  const uint16_t one = 1;
  if (depth == 16 && *(const uint8_t *)&one == 1) png_set_swap(s.png);
  const size_t stride = (size_t)width * (size_t)channels * (size_t)(depth / 8);
  for (size_t y = 0; y < height; y++) png_write_row(s.png, (png_const_bytep)pixels + y * stride);
  png_write_end(s.png, s.info);
  png_destroy_write_struct(&s.png, &s.info);
  out->bytes = s.out;
  out->count = s.out_count;
  return CIMAGE_OK;
}
