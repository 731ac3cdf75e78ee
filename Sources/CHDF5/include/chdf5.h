// Arrays of HDF5 files, read by libhdf5 in a process of its own.
//
// A hostile file may break the library, so that it never runs in the caller's process: a child opens the file, and sends
// what it finds as records of bytes. The child has no open file but its own and the pipe, a bound on the memory and the
// time of the processor that it takes, and it loads no filter from elsewhere and follows no link into another file.
//
// A record is a tag and its fields; numbers are little-endian, a text is its length (u32) and its bytes (UTF-8 as far as the
// file has it so):
//
//   1 object   text name, u8 kind, u8 bytes an element, u8 rank, u64 extent for each, text why it is not read (or empty)
//   2 rows     text of a split that Fuel declared, u64 first row, u64 row behind the last
//   3 window   u64 rows, u64 bytes, and these: numbers as they are in memory, or texts
//   0 end      text of what went wrong (or empty)

#ifndef CHDF5_H
#define CHDF5_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { CHDF5_END = 0, CHDF5_OBJECT = 1, CHDF5_ROWS = 2, CHDF5_WINDOW = 3 };

typedef enum chdf5_kind {
  CHDF5_REAL = 0,
  CHDF5_SIGNED,
  CHDF5_UNSIGNED,
  CHDF5_TRUTH,
  CHDF5_TEXT,
  CHDF5_UNREAD,
} chdf5_kind;

typedef struct chdf5_child {
  int32_t process;
  int32_t pipe;
} chdf5_child;

/// Of the library's header.
const char *chdf5_version(void);

/// Starts to list what is in a file; at most so many objects. Returns 0, or the number of a system's error.
int32_t chdf5_list(const char *path, uint64_t limit, chdf5_child *child);

/// Starts to read a data set in windows of whole rows.
int32_t chdf5_read(const char *path, const char *name, chdf5_child *child);

/// Reads bytes of the child's; fewer only at its end. Returns -1 where reading fails.
int64_t chdf5_take(chdf5_child child, void *bytes, int64_t count);

/// Ends the child if it still runs. Returns 0, or the signal that had ended it.
int32_t chdf5_end(chdf5_child child);

#ifdef __cplusplus
}
#endif

#endif
