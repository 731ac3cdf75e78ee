// Parquet files and Arrow files and streams, read in batches and written, over Arrow's C++ libraries.
//
// Every function takes bytes that may be hostile; no C++ exception leaves any of them. What fails returns 1 and leaves a
// sentence in carrow_error() of the same thread. A file, its readers and their arrays are of one thread at a time; an
// array may be read by several.

#ifndef CARROW_H
#define CARROW_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct carrow_file_s *carrow_file;
typedef struct carrow_reader_s *carrow_reader;
typedef struct carrow_array_s *carrow_array;
typedef struct carrow_writer_s *carrow_writer;
typedef struct carrow_list_s *carrow_list;
typedef int32_t carrow_status;

typedef enum carrow_kind {
  CARROW_NULL = 0,
  CARROW_BOOL,
  CARROW_INT,
  CARROW_DOUBLE,
  CARROW_TEXT,
  CARROW_BYTES,
  CARROW_LIST,
  CARROW_STRUCT,
  CARROW_OTHER,  // read as the text that Arrow prints: dates, decimals
  CARROW_UNREAD,  // no value is made of it: maps, unions
} carrow_kind;

typedef struct carrow_bytes {
  const uint8_t *bytes;
  int64_t count;
} carrow_bytes;

/// The sentence of the last failure on this thread.
const char *carrow_error(void);
/// Of the library.
const char *carrow_version(void);

/// Lets further kinds of places be read, from a library beside libarrow, such as libarrow_s3.
carrow_status carrow_load_file_system(const char *library);

/// The files under a folder, with their sizes and times of change: of s3://bucket/folder, or a path.
carrow_status carrow_list_open(const char *place, carrow_list *out);
int64_t carrow_list_count(carrow_list list);
const char *carrow_list_name(carrow_list list, int64_t index);  // relative to the folder
int64_t carrow_list_size(carrow_list list, int64_t index);
int64_t carrow_list_time(carrow_list list, int64_t index);  // nanoseconds since 1970, 0 where it is not known
void carrow_list_close(carrow_list list);

/// All bytes of a file, from any kind of place; the array is of one value of CARROW_BYTES.
carrow_status carrow_file_bytes(const char *place, int64_t limit, carrow_array *out);

/// Opens a Parquet file, or an Arrow file or stream, by its content.
carrow_status carrow_open(const char *place, carrow_file *out);
void carrow_close(carrow_file file);
bool carrow_is_parquet(carrow_file file);
/// Row groups of Parquet, batches of an Arrow file; a stream is one group.
int32_t carrow_group_count(carrow_file file);
/// Rows of a group; -1 where only reading tells.
int64_t carrow_group_rows(carrow_file file, int32_t group);
/// A value of the schema's metadata; NULL where there is none. Lives as long as the file.
const char *carrow_metadata(carrow_file file, const char *key);
/// The columns as an array of structs without rows.
carrow_status carrow_schema(carrow_file file, carrow_array *out);
/// How many values of a leaf are null in a row group; -1 where the file does not say. `path` are the names from the column down.
int64_t carrow_null_count(carrow_file file, int32_t group, const char *const *path, int32_t count);

/// Reads columns of a group in batches.
///
/// - light: leaves called "bytes" are left out where a leaf "path" is beside them (Parquet only).
carrow_status carrow_read(
    carrow_file file, int32_t group, const char *const *columns, int32_t count, bool light, int64_t batch_rows,
    carrow_reader *out);
/// The next batch as an array of structs; NULL at the end.
carrow_status carrow_next(carrow_reader reader, carrow_array *out);
void carrow_reader_close(carrow_reader reader);

void carrow_array_release(carrow_array array);
int64_t carrow_length(carrow_array array);
/// Bytes of memory that it keeps; those of a mapped file do not count.
int64_t carrow_held_bytes(carrow_array array);
carrow_kind carrow_array_kind(carrow_array array);
bool carrow_is_null(carrow_array array, int64_t row);
int64_t carrow_int(carrow_array array, int64_t row);
double carrow_double(carrow_array array, int64_t row);
/// The bytes of a text or of bytes; they live as long as the array. Of CARROW_OTHER until the thread's next call.
carrow_bytes carrow_value(carrow_array array, int64_t row);
/// Where the values of a list begin among carrow_children, and how many they are.
void carrow_list_range(carrow_array array, int64_t row, int64_t *start, int64_t *count);
/// Fields of a struct; 1 of a list.
int32_t carrow_child_count(carrow_array array);
/// NULL for a list's.
const char *carrow_child_name(carrow_array array, int32_t index);
carrow_status carrow_child(carrow_array array, int32_t index, carrow_array *out);

/// Writes a Parquet file of columns of CARROW_TEXT, CARROW_INT, CARROW_DOUBLE, or CARROW_LIST (of texts), all nullable.
carrow_status carrow_writer_open(
    const char *path, const char *const *names, const carrow_kind *kinds, int32_t count, const char *metadata_key,
    const char *metadata_value, carrow_writer *out);
carrow_status carrow_write_null(carrow_writer writer, int32_t column);
carrow_status carrow_write_text(carrow_writer writer, int32_t column, const char *text, int64_t count);
carrow_status carrow_write_int(carrow_writer writer, int32_t column, int64_t value);
carrow_status carrow_write_double(carrow_writer writer, int32_t column, double value);
/// Begins a list; the texts that follow in the column are in it.
carrow_status carrow_write_list(carrow_writer writer, int32_t column);
/// Writes the rows so far as a row group.
carrow_status carrow_writer_flush(carrow_writer writer);
/// Writes the end of the file, and lets go of the writer whether that succeeds or not.
carrow_status carrow_writer_close(carrow_writer writer);
/// Lets go of the writer of a file that is given up.
void carrow_writer_discard(carrow_writer writer);

#ifdef __cplusplus
}
#endif

#endif
