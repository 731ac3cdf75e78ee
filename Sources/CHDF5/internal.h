#ifndef CHDF5_INTERNAL_H
#define CHDF5_INTERNAL_H

// Later versions spell some calls as this one did.
#define H5_USE_110_API
#include <hdf5.h>
#include <stddef.h>

#include "chdf5.h"

// All of this runs in the child.

/// Ends the child where nobody reads any more.
void chdf5_put(const void *bytes, size_t count);
void chdf5_put_u8(uint8_t value);
void chdf5_put_u64(uint64_t value);
void chdf5_put_text(const char *text, size_t count);
void chdf5_flush(void);
/// The last record, and the end of the child.
_Noreturn void chdf5_finish(const char *fault);
/// The same with what the library says of its last failure.
_Noreturn void chdf5_fail(const char *what);
enum { CHDF5_WORDS = 300 };
/// What the library says of its last failure; may be empty.
void chdf5_last_words(char words[CHDF5_WORDS]);
/// Grants some seconds of the processor more.
void chdf5_more_time(void);

/// An access list of links that never leaves the file.
hid_t chdf5_links(void);

typedef struct {
  chdf5_kind kind;
  uint8_t size;  // bytes an element in memory; 0 for texts
  int rank;
  hsize_t extents[H5S_MAX_RANK];
  char why[480];  // it is not read; empty where it is
} chdf5_array;

/// What a data set is.
void chdf5_describe(hid_t dataset, chdf5_array *array);
/// The type of its elements in memory; negative where there is none.
hid_t chdf5_memory_type(const chdf5_array *array, hid_t dataset);

_Noreturn void chdf5_list_file(const char *path, uint64_t limit);
_Noreturn void chdf5_read_set(const char *path, const char *name);

#endif
