// Frames and sound of video files, and sound of files that others do not read, by FFmpeg's libraries.
//
// Every function takes files and bytes that may be hostile. Only known containers are read, none of them opens another file,
// and decoders run on one thread, so that the same bytes give the same numbers. A clip is of one thread at a time.

#ifndef CVIDEO_H
#define CVIDEO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cvideo_clip_s *cvideo_clip;

typedef enum cvideo_status {
  CVIDEO_OK = 0,
  CVIDEO_UNKNOWN,      // no container that is read
  CVIDEO_DAMAGED,      // it contradicts its format
  CVIDEO_UNSUPPORTED,  // no decoder for it
  CVIDEO_NONE,         // no stream of that kind
  CVIDEO_TOO_LARGE,    // more pixels or longer than is allowed
  CVIDEO_NO_MEMORY,
} cvideo_status;

enum { CVIDEO_MESSAGE_SIZE = 200 };

/// The libraries and their versions.
const char *cvideo_version(void);

/// Opens a file, or bytes that outlive the clip; `message` is what the library says where it fails.
cvideo_status cvideo_open_file(const char *path, cvideo_clip *clip, char message[CVIDEO_MESSAGE_SIZE]);
cvideo_status cvideo_open_bytes(const uint8_t *bytes, int64_t count, cvideo_clip *clip,
                                char message[CVIDEO_MESSAGE_SIZE]);
void cvideo_close(cvideo_clip clip);

int32_t cvideo_has_pictures(cvideo_clip clip);
int32_t cvideo_has_sound(cvideo_clip clip);
/// What decodes the pictures (0) or the sound (1); NULL where there is none.
const char *cvideo_decoder(cvideo_clip clip, int32_t is_sound);

typedef struct cvideo_picture {
  uint32_t width, height;
  uint8_t *pixels;  // width * height * 3, rows from the top; freed by cvideo_release
} cvideo_picture;

/// The frame in the middle of part `number` of `count` equal parts of the clip, upright.
cvideo_status cvideo_frame(cvideo_clip clip, int32_t number, int32_t count, uint64_t pixel_limit,
                           cvideo_picture *picture, char message[CVIDEO_MESSAGE_SIZE]);

typedef struct cvideo_sound {
  int32_t rate;
  int64_t count;
  float *samples;  // the mean of the channels; freed by cvideo_release
} cvideo_sound;

/// The sound, of so many seconds at most.
cvideo_status cvideo_sound_of(cvideo_clip clip, int32_t longest, cvideo_sound *sound, char message[CVIDEO_MESSAGE_SIZE]);

void cvideo_release(void *bytes);

#ifdef __cplusplus
}
#endif

#endif
