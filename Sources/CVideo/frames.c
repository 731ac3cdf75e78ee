#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "internal.h"

/// The first and the last moment of the pictures, in units of their stream; the container is believed where it says so.
static void extent(cvideo_clip clip, AVPacket *packet, int64_t *start, int64_t *end) {
  AVStream *stream = clip->format->streams[clip->pictures];
  *start = stream->start_time == AV_NOPTS_VALUE ? 0 : stream->start_time;
  if (stream->duration > 0) {
    *end = *start + stream->duration;
    return;
  }
  if (clip->format->duration > 0) {
    *end = *start + av_rescale_q(clip->format->duration, AV_TIME_BASE_Q, stream->time_base);
    return;
  }
  // Nobody says how long it is: the packets do.
  *end = *start;
  clip->moved = 1;
  while (av_read_frame(clip->format, packet) >= 0) {
    const int64_t time = packet->pts == AV_NOPTS_VALUE ? packet->dts : packet->pts;
    if (packet->stream_index == clip->pictures && time != AV_NOPTS_VALUE && time >= *end) {
      *end = time + (packet->duration > 0 ? packet->duration : 1);
    }
    av_packet_unref(packet);
  }
}

/// Back to the last picture before a moment that can be decoded by itself, or to the beginning.
static int go_to(cvideo_clip clip, int64_t time) {
  if (av_seek_frame(clip->format, clip->pictures, time, AVSEEK_FLAG_BACKWARD) >= 0) return 0;
  return clip->moved && av_seek_frame(clip->format, -1, 0, AVSEEK_FLAG_BYTE) < 0 ? -1 : 0;
}

/// Quarter turns clockwise that the container asks for.
static int quarter_turns(const AVStream *stream) {
  const uint8_t *matrix = NULL;
#if LIBAVCODEC_VERSION_MAJOR >= 61
  const AVPacketSideData *data = av_packet_side_data_get(
      stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  if (data != NULL && data->size >= 36) matrix = data->data;
#else
  size_t size = 0;
  matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (size < 36) matrix = NULL;
#endif
  if (matrix == NULL) return 0;
  int32_t numbers[9];
  memcpy(numbers, matrix, sizeof numbers);
  const double angle = av_display_rotation_get(numbers);  // counter-clockwise, in degrees
  if (!(angle >= -360 && angle <= 360)) return 0;
  const int turns = (int)(-angle / 90 + (angle > 0 ? -0.5 : 0.5));
  return ((turns % 4) + 4) % 4;
}

static uint8_t *turned(uint8_t *pixels, uint32_t *width, uint32_t *height, int turns) {
  const size_t w = *width, h = *height;
  if (turns == 0) return pixels;
  uint8_t *out = malloc(w * h * 3);
  if (out != NULL) {
    for (size_t y = 0; y < h; y++) {
      for (size_t x = 0; x < w; x++) {
        const size_t to = turns == 1 ? x * h + (h - 1 - y) : turns == 2 ? (h - 1 - y) * w + (w - 1 - x) : (w - 1 - x) * h + y;
        memcpy(out + 3 * to, pixels + 3 * (y * w + x), 3);
      }
    }
    if (turns != 2) {
      *width = (uint32_t)h;
      *height = (uint32_t)w;
    }
  }
  free(pixels);
  return out;
}

static cvideo_status converted(cvideo_clip clip, const AVFrame *frame, uint64_t limit, cvideo_picture *picture, char *message) {
  if (frame->width <= 0 || frame->height <= 0 || (uint64_t)frame->width * (uint64_t)frame->height > limit) {
    return cvideo_say(message, CVIDEO_TOO_LARGE, "its pictures have more pixels than are read", 0);
  }
  struct SwsContext *scale =
      sws_getContext(frame->width, frame->height, frame->format, frame->width, frame->height, AV_PIX_FMT_RGB24,
                     SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
  if (scale == NULL) return cvideo_say(message, CVIDEO_UNSUPPORTED, "its colours are of a kind that is not read", 0);
  const AVPixFmtDescriptor *kind = av_pix_fmt_desc_get(frame->format);
  const int is_full = frame->color_range == AVCOL_RANGE_JPEG || (kind != NULL && strncmp(kind->name, "yuvj", 4) == 0);
  // Large pictures that do not say so are of BT.709, as players take them.
  const int space = frame->colorspace != AVCOL_SPC_UNSPECIFIED ? (int)frame->colorspace
                    : frame->height >= 720                     ? AVCOL_SPC_BT709
                                                               : AVCOL_SPC_SMPTE170M;
  sws_setColorspaceDetails(scale, sws_getCoefficients(space), is_full, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16,
                           1 << 16);
  picture->width = (uint32_t)frame->width;
  picture->height = (uint32_t)frame->height;
  // Some of the library's loops write a few bytes behind a row.
  const size_t row = 3 * (size_t)frame->width, wide = (row + 63) / 64 * 64;
  uint8_t *rows = av_malloc(wide * (size_t)frame->height + 64);
  picture->pixels = rows == NULL ? NULL : malloc(row * (size_t)frame->height);
  cvideo_status status = CVIDEO_OK;
  if (picture->pixels == NULL) {
    status = CVIDEO_NO_MEMORY;
  } else {
    uint8_t *const planes[4] = {rows, NULL, NULL, NULL};
    const int strides[4] = {(int)wide, 0, 0, 0};
    const int done = sws_scale(scale, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, planes, strides);
    if (done != frame->height) {
      status = cvideo_say(message, CVIDEO_DAMAGED, "its colours cannot be read", done < 0 ? done : 0);
    } else {
      for (int y = 0; y < frame->height; y++) memcpy(picture->pixels + row * (size_t)y, rows + wide * (size_t)y, row);
      picture->pixels =
          turned(picture->pixels, &picture->width, &picture->height, quarter_turns(clip->format->streams[clip->pictures]));
      if (picture->pixels == NULL) status = CVIDEO_NO_MEMORY;
    }
  }
  if (status != CVIDEO_OK) {
    free(picture->pixels);
    picture->pixels = NULL;
  }
  av_free(rows);
  sws_freeContext(scale);
  return status;
}

cvideo_status cvideo_frame(cvideo_clip clip, int32_t number, int32_t count, uint64_t pixel_limit, cvideo_picture *picture,
                           char message[CVIDEO_MESSAGE_SIZE]) {
  message[0] = 0;
  memset(picture, 0, sizeof *picture);
  if (clip->pictures < 0) return cvideo_say(message, CVIDEO_NONE, "it has no pictures", 0);
  if (count < 1 || number < 0 || number >= count) return cvideo_say(message, CVIDEO_NONE, "there is no such frame", 0);
  AVCodecContext *decoder = NULL;
  cvideo_status status = cvideo_decoder_of(clip, clip->pictures, pixel_limit, &decoder, message);
  if (status != CVIDEO_OK) return status;
  AVPacket *packet = av_packet_alloc();
  AVFrame *frame = av_frame_alloc(), *best = av_frame_alloc();
  int error = packet == NULL || frame == NULL || best == NULL ? AVERROR(ENOMEM) : 0;
  int64_t start = 0, end = 0, damaged = 0;
  if (error >= 0) {
    extent(clip, packet, &start, &end);
    const int64_t length = end > start ? end - start : 0;
    // In the middle of its part, which rounds down.
    const int64_t time = start + av_rescale(length, 2 * (int64_t)number + 1, 2 * (int64_t)count);
    if (go_to(clip, time) < 0) error = AVERROR_INVALIDDATA;
    int found = 0;
    while (error >= 0) {
      error = cvideo_next(clip, clip->pictures, decoder, packet, frame, &damaged);
      if (error < 0) break;
      const int64_t at = frame->best_effort_timestamp;
      // The last one that begins no later; the first where none does.
      if (found && at != AV_NOPTS_VALUE && at > time) break;
      av_frame_unref(best);
      av_frame_move_ref(best, frame);
      found = 1;
      if (at != AV_NOPTS_VALUE && at >= time) break;
    }
    if (found) {
      status = converted(clip, best, pixel_limit, picture, message);
    } else {
      status = cvideo_say(message, CVIDEO_DAMAGED, "it holds no picture that can be decoded", error == AVERROR_EOF ? 0 : error);
    }
  } else {
    status = CVIDEO_NO_MEMORY;
  }
  av_frame_free(&best);
  av_frame_free(&frame);
  av_packet_free(&packet);
  avcodec_free_context(&decoder);
  return status;
}
