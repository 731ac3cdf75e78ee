#ifndef CVIDEO_INTERNAL_H
#define CVIDEO_INTERNAL_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "cvideo.h"

struct cvideo_clip_s {
  AVFormatContext *format;
  AVIOContext *io;
  int pictures, sound;  // the streams' numbers; negative where there is none
  // What is read: a file, or bytes.
  int file;
  const uint8_t *bytes;
  int64_t count, place;
  int moved;  // packets have been taken since it was opened
};

cvideo_status cvideo_say(char *message, cvideo_status status, const char *what, int error);

/// A decoder of a stream, on one thread.
cvideo_status cvideo_decoder_of(cvideo_clip clip, int stream, uint64_t pixel_limit, AVCodecContext **decoder, char *message);

/// The next decoded frame of a stream; AVERROR_EOF at the end. Damaged packets are passed over and counted.
int cvideo_next(cvideo_clip clip, int stream, AVCodecContext *decoder, AVPacket *packet, AVFrame *frame, int64_t *damaged);

#endif
