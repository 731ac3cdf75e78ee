#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

enum { buffer_size = 1 << 15 };

// Containers; none that is a list of other files.
static const char *const containers =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,ogg,wav,aac,mp3,asf,flac,amr,amrnb,amrwb,aiff,caf,"
    "w64,ac3,eac3,dv,ivf,h264,hevc,m4v,gxf,mxf,nut,rm,wv,ape,tta,au";

static char versions[120];
static void note_versions(void) {
  const unsigned f = avformat_version(), c = avcodec_version();
  snprintf(versions, sizeof versions, "FFmpeg %s (libavformat %u.%u.%u, libavcodec %u.%u.%u)", av_version_info(),
           AV_VERSION_MAJOR(f), AV_VERSION_MINOR(f), AV_VERSION_MICRO(f), AV_VERSION_MAJOR(c), AV_VERSION_MINOR(c),
           AV_VERSION_MICRO(c));
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void prepare(void) {
  av_log_set_level(AV_LOG_QUIET);
  note_versions();
}

const char *cvideo_version(void) {
  pthread_once(&once, prepare);
  return versions;
}

cvideo_status cvideo_say(char *message, cvideo_status status, const char *what, int error) {
  char words[AV_ERROR_MAX_STRING_SIZE] = "";
  if (error < 0) av_strerror(error, words, sizeof words);
  snprintf(message, CVIDEO_MESSAGE_SIZE, error < 0 ? "%s: %s" : "%s", what, words);
  return error == AVERROR(ENOMEM) ? CVIDEO_NO_MEMORY : status;
}

static int read_bytes(void *opaque, uint8_t *to, int count) {
  cvideo_clip clip = opaque;
  if (count <= 0) return AVERROR(EINVAL);
  int64_t taken = clip->count - clip->place;
  if (taken <= 0) return AVERROR_EOF;
  if (taken > count) taken = count;
  if (clip->bytes != NULL) {
    memcpy(to, clip->bytes + clip->place, (size_t)taken);
  } else {
    taken = pread(clip->file, to, (size_t)taken, clip->place);
    if (taken < 0) return AVERROR(errno);
    if (taken == 0) return AVERROR_EOF;
  }
  clip->place += taken;
  return (int)taken;
}

static int64_t seek(void *opaque, int64_t offset, int whence) {
  cvideo_clip clip = opaque;
  whence &= ~AVSEEK_FORCE;
  if (whence == AVSEEK_SIZE) return clip->count;
  const int64_t base = whence == SEEK_CUR ? clip->place : whence == SEEK_END ? clip->count : 0;
  if (offset > INT64_MAX - base || base + offset < 0) return AVERROR(EINVAL);
  return clip->place = base + offset;
}

/// A container that asks for another file is refused it.
static int open_nothing(AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options) {
  (void)format, (void)io, (void)url, (void)flags, (void)options;
  return AVERROR(EACCES);
}

static cvideo_status opened(cvideo_clip clip, cvideo_clip *out, char *message) {
  pthread_once(&once, prepare);
  message[0] = 0;
  clip->pictures = clip->sound = -1;
  uint8_t *buffer = av_malloc(buffer_size);
  clip->io = buffer == NULL ? NULL : avio_alloc_context(buffer, buffer_size, 0, clip, read_bytes, NULL, seek);
  clip->format = clip->io == NULL ? NULL : avformat_alloc_context();
  if (clip->format == NULL) {
    if (clip->io == NULL) av_free(buffer);
    cvideo_close(clip);
    return CVIDEO_NO_MEMORY;
  }
  clip->format->pb = clip->io;
  clip->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
  clip->format->io_open = open_nothing;
  clip->format->max_streams = 64;
  AVDictionary *options = NULL;
  av_dict_set(&options, "format_whitelist", containers, 0);
  av_dict_set(&options, "protocol_whitelist", "", 0);
  int error = avformat_open_input(&clip->format, "", NULL, &options);
  av_dict_free(&options);
  if (error < 0) {
    // The failed call has freed the format.
    const cvideo_status status = cvideo_say(message, CVIDEO_UNKNOWN, "its container is not read", error);
    cvideo_close(clip);
    return status;
  }
  error = avformat_find_stream_info(clip->format, NULL);
  if (error < 0) {
    const cvideo_status status = cvideo_say(message, CVIDEO_DAMAGED, "its streams cannot be found", error);
    cvideo_close(clip);
    return status;
  }
  // The cover of an album is no film.
  for (unsigned i = 0; i < clip->format->nb_streams; i++) {
    if (clip->format->streams[i]->disposition & AV_DISPOSITION_ATTACHED_PIC) {
      clip->format->streams[i]->discard = AVDISCARD_ALL;
    }
  }
  const int pictures = av_find_best_stream(clip->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
  clip->pictures = pictures >= 0 && clip->format->streams[pictures]->discard != AVDISCARD_ALL ? pictures : -1;
  clip->sound = av_find_best_stream(clip->format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
  *out = clip;
  return CVIDEO_OK;
}

cvideo_status cvideo_open_file(const char *path, cvideo_clip *out, char message[CVIDEO_MESSAGE_SIZE]) {
  message[0] = 0;
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat facts;
  if (file < 0 || fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    const int error = file < 0 ? AVERROR(errno) : 0;
    if (file >= 0) close(file);
    return cvideo_say(message, CVIDEO_UNKNOWN, "it cannot be opened", error);
  }
  cvideo_clip clip = calloc(1, sizeof *clip);
  if (clip == NULL) {
    close(file);
    return CVIDEO_NO_MEMORY;
  }
  clip->file = file;
  clip->count = facts.st_size;
  return opened(clip, out, message);
}

cvideo_status cvideo_open_bytes(const uint8_t *bytes, int64_t count, cvideo_clip *out, char message[CVIDEO_MESSAGE_SIZE]) {
  message[0] = 0;
  if (bytes == NULL || count <= 0) return cvideo_say(message, CVIDEO_UNKNOWN, "it is empty", 0);
  cvideo_clip clip = calloc(1, sizeof *clip);
  if (clip == NULL) return CVIDEO_NO_MEMORY;
  clip->file = -1;
  clip->bytes = bytes;
  clip->count = count;
  return opened(clip, out, message);
}

void cvideo_close(cvideo_clip clip) {
  if (clip == NULL) return;
  avformat_close_input(&clip->format);
  if (clip->io != NULL) av_freep(&clip->io->buffer);
  avio_context_free(&clip->io);
  if (clip->bytes == NULL && clip->file >= 0) close(clip->file);
  free(clip);
}

int32_t cvideo_has_pictures(cvideo_clip clip) { return clip->pictures >= 0; }
int32_t cvideo_has_sound(cvideo_clip clip) { return clip->sound >= 0; }

const char *cvideo_decoder(cvideo_clip clip, int32_t is_sound) {
  const int stream = is_sound ? clip->sound : clip->pictures;
  if (stream < 0) return NULL;
  const AVCodec *codec = avcodec_find_decoder(clip->format->streams[stream]->codecpar->codec_id);
  return codec == NULL ? NULL : codec->name;
}

cvideo_status cvideo_decoder_of(cvideo_clip clip, int stream, uint64_t pixel_limit, AVCodecContext **out, char *message) {
  const AVCodecParameters *parameters = clip->format->streams[stream]->codecpar;
  const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
  if (codec == NULL) {
    snprintf(message, CVIDEO_MESSAGE_SIZE, "no decoder for '%s'", avcodec_get_name(parameters->codec_id));
    return CVIDEO_UNSUPPORTED;
  }
  AVCodecContext *decoder = avcodec_alloc_context3(codec);
  if (decoder == NULL) return CVIDEO_NO_MEMORY;
  int error = avcodec_parameters_to_context(decoder, parameters);
  decoder->thread_count = 1;
  decoder->flags |= AV_CODEC_FLAG_BITEXACT;
  decoder->pkt_timebase = clip->format->streams[stream]->time_base;
  if (pixel_limit > 0) decoder->max_pixels = (int64_t)pixel_limit;
  if (error >= 0) error = avcodec_open2(decoder, codec, NULL);
  if (error < 0) {
    avcodec_free_context(&decoder);
    return cvideo_say(message, CVIDEO_DAMAGED, "its decoder cannot begin", error);
  }
  *out = decoder;
  return CVIDEO_OK;
}

int cvideo_next(cvideo_clip clip, int stream, AVCodecContext *decoder, AVPacket *packet, AVFrame *frame, int64_t *damaged) {
  clip->moved = 1;
  for (;;) {
    int error = avcodec_receive_frame(decoder, frame);
    if (error == AVERROR_INVALIDDATA) {
      ++*damaged;
      continue;
    }
    if (error != AVERROR(EAGAIN)) return error;
    do {
      av_packet_unref(packet);
      error = av_read_frame(clip->format, packet);
    } while (error >= 0 && packet->stream_index != stream);
    // The end of the file, also of one that was cut off: what the decoder still holds comes out.
    error = avcodec_send_packet(decoder, error < 0 ? NULL : packet);
    av_packet_unref(packet);
    if (error == AVERROR_EOF) continue;
    if (error == AVERROR_INVALIDDATA) {
      ++*damaged;
      continue;
    }
    if (error < 0 && error != AVERROR(EAGAIN)) return error;
  }
}

void cvideo_release(void *bytes) { free(bytes); }
