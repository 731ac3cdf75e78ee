#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "internal.h"

// A progressive file may hold any number of scans, each a pass over all coefficients for a handful of bytes. Real ones
// have about ten; more are allowed to small pictures, where they take no time.
enum { MAXIMUM_SCANS = 200, MAXIMUM_SCANS_OF_A_LARGE_PICTURE = 40, LARGE_PICTURE = 4000000 };

typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf leave;
  cimage_status status;
  char message[JMSG_LENGTH_MAX];
} error_manager;

_Noreturn static void fail(j_common_ptr info) {
  error_manager *errors = (error_manager *)info->err;
  if (errors->status == CIMAGE_OK) {
    switch (errors->base.msg_code) {
      case JERR_INPUT_EOF:
      case JERR_INPUT_EMPTY: errors->status = CIMAGE_TRUNCATED; break;
      case JERR_OUT_OF_MEMORY: errors->status = CIMAGE_NO_MEMORY; break;
      default: errors->status = CIMAGE_DAMAGED;
    }
    errors->base.format_message(info, errors->message);
  }
  longjmp(errors->leave, 1);
}

// The library repairs what it can and warns. A picture with half of its pixels made up is not the user's picture.
static void warn(j_common_ptr info, int level) {
  if (level >= 0) return;
  error_manager *errors = (error_manager *)info->err;
  switch (errors->base.msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER: errors->status = CIMAGE_TRUNCATED; break;
    case JWRN_HUFF_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_MUST_RESYNC: errors->status = CIMAGE_DAMAGED; break;
    default: return;  // harmless: stray bytes between markers, a newer JFIF number
  }
  errors->base.format_message(info, errors->message);
  longjmp(errors->leave, 1);
}

static void stay_silent(j_common_ptr info) { (void)info; }

static void watch_scans(j_common_ptr info) {
  if (!info->is_decompressor) return;
  const struct jpeg_decompress_struct *picture = (j_decompress_ptr)info;
  const uint64_t pixels = (uint64_t)picture->image_width * picture->image_height;
  const int most = pixels > LARGE_PICTURE ? MAXIMUM_SCANS_OF_A_LARGE_PICTURE : MAXIMUM_SCANS;
  if (picture->input_scan_number <= most) return;
  error_manager *errors = (error_manager *)info->err;
  errors->status = CIMAGE_DAMAGED;
  snprintf(errors->message, sizeof errors->message, "more than %d scans", most);
  longjmp(errors->leave, 1);
}

static struct jpeg_error_mgr *prepare(error_manager *errors) {
  jpeg_std_error(&errors->base);
  errors->base.error_exit = fail;
  errors->base.emit_message = warn;
  errors->base.output_message = stay_silent;
  errors->status = CIMAGE_OK;
  errors->message[0] = 0;
  return &errors->base;
}

// The orientation that the camera noted; 1 where there is none.
static int orientation_of(j_decompress_ptr info) {
  for (jpeg_saved_marker_ptr marker = info->marker_list; marker != NULL; marker = marker->next) {
    if (marker->marker != JPEG_APP0 + 1) continue;
    const int orientation = cimage_orientation(marker->data, marker->data_length);
    if (orientation != 1) return orientation;
  }
  return 1;
}

// Everything that longjmp may leave behind lives here, not in locals whose values a jump makes indeterminate.
typedef struct {
  struct jpeg_decompress_struct info;
  error_manager errors;
  struct jpeg_progress_mgr progress;
  uint8_t *line;
  int orientation;
} reader;

static void read_lines(reader *r, cimage_picture *picture) {
  const size_t width = picture->width;
  const int inks = r->info.out_color_space == JCS_CMYK;
  // Of how much paper shows through, with Adobe's marker or without: what is found without it was mostly written by
  // Adobe's programs too and lost the marker on the way, and the reference pipelines read it so.
  while (r->info.output_scanline < r->info.output_height) {
    uint8_t *row = picture->pixels + (size_t)r->info.output_scanline * width * 3;
    JSAMPROW target = inks ? r->line : row;
    if (jpeg_read_scanlines(&r->info, &target, 1) != 1 || !inks) continue;
    for (size_t x = 0; x < width; x++) {
      const unsigned black = r->line[4 * x + 3];
      for (size_t c = 0; c < 3; c++) row[3 * x + c] = (uint8_t)((r->line[4 * x + c] * black + 127) / 255);
    }
  }
}

cimage_status cimage_decode_jpeg(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture) {
  reader r;
  memset(&r, 0, sizeof r);
  r.info.err = prepare(&r.errors);
  r.progress.progress_monitor = watch_scans;
  if (setjmp(r.errors.leave)) {
    cimage_say(picture, r.errors.message);
    free(r.line);
    jpeg_destroy_decompress(&r.info);
    return r.errors.status;
  }
  jpeg_create_decompress(&r.info);
  r.info.progress = &r.progress;
  jpeg_mem_src(&r.info, data, (unsigned long)count);
  jpeg_save_markers(&r.info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&r.info, TRUE);

  cimage_status status = cimage_admit(picture, r.info.image_width, r.info.image_height, pixel_limit);
  if (status == CIMAGE_OK) {
    const int inks = r.info.jpeg_color_space == JCS_CMYK || r.info.jpeg_color_space == JCS_YCCK;
    r.info.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    picture->pixels = malloc((size_t)picture->width * picture->height * 3);
    if (inks) r.line = malloc((size_t)picture->width * 4);
    if (picture->pixels == NULL || (inks && r.line == NULL)) status = CIMAGE_NO_MEMORY;
  }
  if (status == CIMAGE_OK) {
    r.orientation = orientation_of(&r.info);
    jpeg_start_decompress(&r.info);
    read_lines(&r, picture);
    jpeg_finish_decompress(&r.info);
    status = cimage_turn(picture, r.orientation);
  }
  free(r.line);
  jpeg_destroy_decompress(&r.info);
  return status;
}

typedef struct {
  struct jpeg_compress_struct info;
  error_manager errors;
  unsigned char *buffer;
  unsigned long size;
} writer;

cimage_status cimage_encode_jpeg(
    const uint8_t *pixels, uint32_t width, uint32_t height, int channels, int quality, int progressive,
    int orientation, cimage_bytes *out) {
  out->bytes = NULL;
  out->count = 0;
  if (channels != 1 && channels != 3 && channels != 4) return CIMAGE_UNSUPPORTED;
  writer w;
  memset(&w, 0, sizeof w);
  w.info.err = prepare(&w.errors);
  if (setjmp(w.errors.leave)) {
    jpeg_destroy_compress(&w.info);
    free(w.buffer);
    return w.errors.status;
  }
  jpeg_create_compress(&w.info);
  jpeg_mem_dest(&w.info, &w.buffer, &w.size);
  w.info.image_width = width;
  w.info.image_height = height;
  w.info.input_components = channels;
  w.info.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&w.info);
  jpeg_set_quality(&w.info, quality, TRUE);
  if (progressive) jpeg_simple_progression(&w.info);
  jpeg_start_compress(&w.info, TRUE);
  if (orientation >= 2 && orientation <= 8) {
    uint8_t exif[] = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1,
                      0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    exif[25] = (uint8_t)orientation;
    jpeg_write_marker(&w.info, JPEG_APP0 + 1, exif, sizeof exif);
  }
  while (w.info.next_scanline < height) {
    JSAMPROW row = (JSAMPROW)(pixels + (size_t)w.info.next_scanline * width * (size_t)channels);
    jpeg_write_scanlines(&w.info, &row, 1);
  }
  jpeg_finish_compress(&w.info);
  jpeg_destroy_compress(&w.info);
  out->bytes = w.buffer;
  out->count = w.size;
  return CIMAGE_OK;
}
