#ifndef CIMAGE_INTERNAL_H
#define CIMAGE_INTERNAL_H

#include "CImage.h"

cimage_status cimage_decode_jpeg(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture);
cimage_status cimage_decode_png(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture);
cimage_status cimage_decode_webp(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture);
cimage_status cimage_decode_gif(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture);
cimage_status cimage_decode_bmp(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture);
cimage_status cimage_decode_tiff(const uint8_t *data, size_t count, uint64_t pixel_limit, cimage_picture *picture);

int cimage_is_bmp(const uint8_t *data, size_t count);

void cimage_say(cimage_picture *picture, const char *message);

/// Sets the size, and says whether it is allowed.
cimage_status cimage_admit(cimage_picture *picture, uint64_t width, uint64_t height, uint64_t pixel_limit);

/// Packs RGBA into RGB over white, in place.
void cimage_flatten(uint8_t *pixels, size_t count);

/// The orientation (1...8) in the first directory of EXIF data; 1 where there is none or it makes no sense.
int cimage_orientation(const uint8_t *exif, size_t count);

/// Turns an RGB picture so that it stands as it was taken.
cimage_status cimage_turn(cimage_picture *picture, int orientation);

#endif
