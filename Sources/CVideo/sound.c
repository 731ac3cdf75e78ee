#include <stdlib.h>
#include <string.h>

#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>

#include "internal.h"

enum { most_channels = 64 };

typedef struct {
  float *samples;
  int64_t count, room;
} heap;

/// The mean of the channels of a frame, whose samples become float first.
static int append(heap *all, SwrContext *plain, const AVFrame *frame, int channels, int64_t most) {
  const int count = frame->nb_samples;
  if (count <= 0) return 0;
  if (all->count + count > most) return 1;
  float *planes[most_channels];
  float *block = malloc((size_t)channels * (size_t)count * sizeof(float));
  if (block == NULL) return AVERROR(ENOMEM);
  for (int channel = 0; channel < channels; channel++) planes[channel] = block + (size_t)channel * (size_t)count;
  int done = swr_convert(plain, (uint8_t **)planes, count, (const uint8_t **)frame->extended_data, count);
  if (done > count) done = AVERROR_INVALIDDATA;
  if (done > 0 && all->count + done > all->room) {
    const int64_t room = (all->count + done) * 3 / 2;
    float *larger = realloc(all->samples, (size_t)room * sizeof(float));
    if (larger == NULL) {
      done = AVERROR(ENOMEM);
    } else {
      all->samples = larger;
      all->room = room;
    }
  }
  for (int i = 0; i < done; i++) {
    float sum = 0;
    for (int channel = 0; channel < channels; channel++) sum += planes[channel][i];
    all->samples[all->count++] = sum / (float)channels;
  }
  free(block);
  return done < 0 ? done : 0;
}

cvideo_status cvideo_sound_of(cvideo_clip clip, int32_t longest, cvideo_sound *sound, char message[CVIDEO_MESSAGE_SIZE]) {
  message[0] = 0;
  memset(sound, 0, sizeof *sound);
  if (clip->sound < 0) return cvideo_say(message, CVIDEO_NONE, "it has no sound", 0);
  AVCodecContext *decoder = NULL;
  cvideo_status status = cvideo_decoder_of(clip, clip->sound, 0, &decoder, message);
  if (status != CVIDEO_OK) return status;
  AVPacket *packet = av_packet_alloc();
  AVFrame *frame = av_frame_alloc();
  SwrContext *plain = NULL;
  heap all = {NULL, 0, 0};
  int error = packet == NULL || frame == NULL ? AVERROR(ENOMEM) : 0;
  // Frames may have been taken before.
  if (error >= 0 && clip->moved && av_seek_frame(clip->format, clip->sound, 0, AVSEEK_FLAG_BACKWARD) < 0) {
    error = av_seek_frame(clip->format, -1, 0, AVSEEK_FLAG_BYTE);
  }
  int rate = 0, channels = 0, format = -1, is_long = 0;
  int64_t damaged = 0;
  while (error >= 0) {
    error = cvideo_next(clip, clip->sound, decoder, packet, frame, &damaged);
    if (error < 0) break;
    if (plain == NULL) {
      rate = frame->sample_rate;
      channels = frame->ch_layout.nb_channels;
      format = frame->format;
      if (rate < 1000 || rate > 1000000 || channels < 1 || channels > most_channels) {
        error = AVERROR_INVALIDDATA;
        break;
      }
      // Only the kind of number changes, neither rate nor channels.
      error = swr_alloc_set_opts2(&plain, &frame->ch_layout, AV_SAMPLE_FMT_FLTP, rate, &frame->ch_layout, format, rate, 0, NULL);
      if (error >= 0) error = swr_init(plain);
      if (error < 0) break;
    }
    if (frame->sample_rate != rate || frame->ch_layout.nb_channels != channels || frame->format != format) {
      error = AVERROR_INVALIDDATA;
      status = cvideo_say(message, CVIDEO_UNSUPPORTED, "its rate or channels change on the way", 0);
      break;
    }
    error = append(&all, plain, frame, channels, (int64_t)rate * longest);
    if (error > 0) is_long = 1;
    if (error != 0) break;
    av_frame_unref(frame);
  }
  if (is_long) {
    status = cvideo_say(message, CVIDEO_TOO_LARGE, "its sound is longer than is read", 0);
  } else if (status == CVIDEO_OK && error != AVERROR_EOF) {
    status = cvideo_say(message, CVIDEO_DAMAGED, "its sound cannot be decoded", error);
  } else if (status == CVIDEO_OK && all.count == 0) {
    status = cvideo_say(message, damaged > 0 ? CVIDEO_DAMAGED : CVIDEO_NONE, "it holds no sound that can be decoded", 0);
  }
  if (status == CVIDEO_OK) {
    *sound = (cvideo_sound){rate, all.count, all.samples};
  } else {
    free(all.samples);
  }
  swr_free(&plain);
  av_frame_free(&frame);
  av_packet_free(&packet);
  avcodec_free_context(&decoder);
  return status;
}
