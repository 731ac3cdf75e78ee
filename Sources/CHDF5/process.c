#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "internal.h"

enum {
  seconds_more = 20,
  memory_more = 2u << 30,
};

static int out;
static uint8_t buffer[1 << 16];
static size_t filled;

const char *chdf5_version(void) { return &H5_VERS_INFO[sizeof "HDF5 library version: " - 1]; }

// MARK: The child

static void write_all(const uint8_t *bytes, size_t count) {
  while (count > 0) {
    const ssize_t written = write(out, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);
    bytes += written;
    count -= (size_t)written;
  }
}

void chdf5_flush(void) {
  write_all(buffer, filled);
  filled = 0;
}

void chdf5_put(const void *bytes, size_t count) {
  if (count > sizeof buffer - filled) chdf5_flush();
  if (count > sizeof buffer) {
    write_all(bytes, count);
    return;
  }
  if (count > 0) memcpy(buffer + filled, bytes, count);
  filled += count;
}

void chdf5_put_u8(uint8_t value) { chdf5_put(&value, 1); }

void chdf5_put_u64(uint64_t value) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  chdf5_put(bytes, sizeof bytes);
}

void chdf5_put_text(const char *text, size_t count) {
  uint8_t bytes[4];
  for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(count >> (8 * i));
  chdf5_put(bytes, sizeof bytes);
  chdf5_put(text, count);
}

_Noreturn void chdf5_finish(const char *fault) {
  chdf5_put_u8(CHDF5_END);
  chdf5_put_text(fault, strlen(fault));
  chdf5_flush();
  // Nothing of the parent's is closed or written for it.
  _exit(0);
}

static herr_t first_error(unsigned depth, const H5E_error2_t *error, void *words) {
  if (depth == 0 && error->desc != NULL) snprintf(words, CHDF5_WORDS, "%s", error->desc);
  return 0;
}

void chdf5_last_words(char words[CHDF5_WORDS]) {
  words[0] = 0;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_error, words);
}

_Noreturn void chdf5_fail(const char *what) {
  char words[CHDF5_WORDS];
  chdf5_last_words(words);
  char sentence[600];
  snprintf(sentence, sizeof sentence, words[0] == 0 ? "%s" : "%s: %s", what, words);
  chdf5_finish(sentence);
}

void chdf5_more_time(void) {
  struct rusage used;
  struct rlimit limit;
  if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0) return;
  const rlim_t until = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec + seconds_more);
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || until < limit.rlim_max ? until : limit.rlim_max;
  setrlimit(RLIMIT_CPU, &limit);
}

static void limit_memory(void) {
#ifdef __linux__
  // Pages, of which the first number is all that are mapped.
  unsigned long long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return;
  const int found = fscanf(file, "%llu", &pages);
  fclose(file);
  if (found != 1) return;
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0) return;
  const rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + memory_more;
  if (limit.rlim_max == RLIM_INFINITY || most < limit.rlim_max) limit.rlim_cur = most;
  setrlimit(RLIMIT_AS, &limit);
#endif
}

static void close_from(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0) return;
#endif
  struct rlimit files;
  const int most = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 65536 ? (int)files.rlim_cur : 65536;
  for (int number = first; number < most; number++) close(number);
}

// What a sanitizer would do at its end, such as write an input down, is not for the child to do.
extern void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

static void become_child(int pipe_end) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGTERM, SIGALRM, SIGPIPE};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(NULL);
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  // Locks of the parent's hang on its open files; a copy of them would outlive it.
  out = dup2(pipe_end, 3);
  const int nothing = open("/dev/null", O_RDWR);
  for (int number = 0; number < 3; number++) dup2(nothing, number);
  close_from(4);
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  limit_memory();
  chdf5_more_time();

  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0);
}

// MARK: The parent

static int32_t start(chdf5_child *child, const char *path, const char *name, uint64_t limit) {
  int ends[2];
  if (pipe(ends) != 0) return errno;
  // Other children do not hold the pipe open.
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  const pid_t process = fork();
  if (process < 0) {
    const int fault = errno;
    close(ends[0]);
    close(ends[1]);
    return fault;
  }
  if (process == 0) {
    become_child(ends[1]);
    if (name == NULL) chdf5_list_file(path, limit);
    chdf5_read_set(path, name);
  }
  close(ends[1]);
  *child = (chdf5_child){process, ends[0]};
  return 0;
}

int32_t chdf5_list(const char *path, uint64_t limit, chdf5_child *child) { return start(child, path, NULL, limit); }

int32_t chdf5_read(const char *path, const char *name, chdf5_child *child) { return start(child, path, name, 0); }

int64_t chdf5_take(chdf5_child child, void *bytes, int64_t count) {
  int64_t taken = 0;
  while (taken < count) {
    const ssize_t found = read(child.pipe, (uint8_t *)bytes + taken, (size_t)(count - taken));
    if (found < 0 && errno == EINTR) continue;
    if (found < 0) return -1;
    if (found == 0) break;
    taken += found;
  }
  return taken;
}

int32_t chdf5_end(chdf5_child child) {
  close(child.pipe);
  int status = 0;
  // One that has ended of itself keeps its status.
  pid_t ended = waitpid(child.process, &status, WNOHANG);
  if (ended == 0) {
    // It may be on its way: the pipe's end is seen a moment before the process's.
    for (int i = 0; i < 100 && ended == 0; i++) {
      usleep(1000);
      ended = waitpid(child.process, &status, WNOHANG);
    }
  }
  if (ended == 0) {
    kill(child.process, SIGKILL);
    while (waitpid(child.process, &status, 0) < 0 && errno == EINTR) {
    }
    return 0;
  }
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
