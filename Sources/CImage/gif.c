#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>

#include "internal.h"

typedef struct {
  const uint8_t *data;
  size_t count, position;
} source;

static int read_bytes(GifFileType *gif, GifByteType *to, int count) {
  source *from = gif->UserData;
  const size_t rest = from->count - from->position;
  const size_t taken = (size_t)count < rest ? (size_t)count : rest;
  memcpy(to, from->data + from->position, taken);
  from->position += taken;
  return (int)taken;
}

static cimage_status translate(int code, cimage_picture *picture) {
  const char *words = GifErrorString(code);
  cimage_say(picture, words == NULL ? "" : words);
  switch (code) {
    case D_GIF_ERR_NOT_ENOUGH_MEM: return CIMAGE_NO_MEMORY;
    case D_GIF_ERR_READ_FAILED:
    case D_GIF_ERR_EOF_TOO_SOON: return CIMAGE_TRUNCATED;
    default: return CIMAGE_DAMAGED;
  }
}

// Goes to the first picture; `transparent` is the colour that is none, -1 where every colour is one.
static cimage_status find_picture(GifFileType *gif, int *transparent, cimage_picture *picture) {
  *transparent = -1;
  for (;;) {
    GifRecordType kind;
    if (DGifGetRecordType(gif, &kind) == GIF_ERROR) return translate(gif->Error, picture);
    if (kind == IMAGE_DESC_RECORD_TYPE)
      return DGifGetImageDesc(gif) == GIF_ERROR ? translate(gif->Error, picture) : CIMAGE_OK;
    if (kind == TERMINATE_RECORD_TYPE) {
      cimage_say(picture, "no picture in it");
      return CIMAGE_DAMAGED;
    }
    if (kind != EXTENSION_RECORD_TYPE) continue;
    int code;
    GifByteType *block;
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return translate(gif->Error, picture);
    if (code == GRAPHICS_EXT_FUNC_CODE && block != NULL && block[0] >= 4 && (block[1] & 1)) *transparent = block[4];
    while (block != NULL)
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return translate(gif->Error, picture);
  }
}

// A file without a palette means levels of gray, and so does what lies beyond a short one.
static void take_palette(const GifFileType *gif, int transparent, uint8_t palette[256][3]) {
  const ColorMapObject *map = gif->Image.ColorMap != NULL ? gif->Image.ColorMap : gif->SColorMap;
  for (int i = 0; i < 256; i++) memset(palette[i], i, 3);
  for (int i = 0; map != NULL && i < map->ColorCount && i < 256; i++) {
    palette[i][0] = map->Colors[i].Red;
    palette[i][1] = map->Colors[i].Green;
    palette[i][2] = map->Colors[i].Blue;
  }
  if (transparent >= 0) memset(palette[transparent], 255, 3);
}

static cimage_status read_picture(GifFileType *gif, uint64_t pixel_limit, cimage_picture *picture) {
  int transparent;
  cimage_status status = find_picture(gif, &transparent, picture);
  if (status != CIMAGE_OK) return status;
  const GifImageDesc *frame = &gif->Image;
  if (frame->Left < 0 || frame->Top < 0 || frame->Width <= 0 || frame->Height <= 0) {
    cimage_say(picture, "no pixels");
    return CIMAGE_DAMAGED;
  }
  // A frame that lies beyond the screen makes it larger.
  const uint64_t right = (uint64_t)frame->Left + (uint64_t)frame->Width;
  const uint64_t bottom = (uint64_t)frame->Top + (uint64_t)frame->Height;
  const uint64_t width = gif->SWidth > 0 && (uint64_t)gif->SWidth > right ? (uint64_t)gif->SWidth : right;
  const uint64_t height = gif->SHeight > 0 && (uint64_t)gif->SHeight > bottom ? (uint64_t)gif->SHeight : bottom;
  status = cimage_admit(picture, width, height, pixel_limit);
  if (status != CIMAGE_OK) return status;

  uint8_t palette[256][3];
  take_palette(gif, transparent, palette);
  const size_t stride = (size_t)width * 3;
  picture->pixels = malloc(stride * height);
  uint8_t *line = malloc((size_t)frame->Width);
  if (picture->pixels == NULL || line == NULL) {
    free(line);
    return CIMAGE_NO_MEMORY;
  }
  // What the frame does not cover has the transparent colour, or else the first.
  const uint8_t *ground = palette[transparent >= 0 ? transparent : 0];
  for (size_t i = 0; i < (size_t)width * height; i++) memcpy(picture->pixels + 3 * i, ground, 3);

  static const int starts[4] = {0, 4, 2, 1}, steps[4] = {8, 8, 4, 2};
  const int passes = frame->Interlace ? 4 : 1;
  for (int pass = 0; pass < passes && status == CIMAGE_OK; pass++) {
    const int step = frame->Interlace ? steps[pass] : 1;
    for (int y = frame->Interlace ? starts[pass] : 0; y < frame->Height; y += step) {
      if (DGifGetLine(gif, line, frame->Width) == GIF_ERROR) {
        status = translate(gif->Error, picture);
        break;
      }
      uint8_t *row = picture->pixels + (size_t)(frame->Top + y) * stride + (size_t)frame->Left * 3;
      for (int x = 0; x < frame->Width; x++) memcpy(row + 3 * (size_t)x, palette[line[x]], 3);
    }
  }
  free(line);
  return status;
}

cimage_status cimage_decode_gif(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture) {
  source from = {data, count, 0};
  int code = 0;
  GifFileType *gif = DGifOpen(&from, read_bytes, &code);
  if (gif == NULL) return translate(code, picture);
  const cimage_status status = read_picture(gif, pixel_limit, picture);
  DGifCloseFile(gif, &code);
  return status;
}
