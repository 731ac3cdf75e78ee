#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum {
  usual_window = 8 << 20,
  // Beyond this, windows cut through chunks, which the library's cache then holds.
  largest_window = 256 << 20,
  chunk_cache = 256 << 20,
};

static herr_t refuse_file(const char *parent, const char *group, const char *file, const char *object, unsigned *flags,
                          hid_t access, void *data) {
  (void)parent, (void)group, (void)file, (void)object, (void)flags, (void)access, (void)data;
  return -1;
}

hid_t chdf5_links(void) {
  const hid_t list = H5Pcreate(H5P_LINK_ACCESS);
  H5Pset_elink_cb(list, refuse_file, NULL);
  return list;
}

hid_t chdf5_memory_type(const chdf5_array *array, hid_t dataset) {
  switch (array->kind) {
    case CHDF5_REAL: return H5Tcopy(array->size == 4 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE);
    case CHDF5_SIGNED:
    case CHDF5_UNSIGNED: {
      const int isSigned = array->kind == CHDF5_SIGNED;
      const hid_t type = H5Tcopy(array->size == 1   ? (isSigned ? H5T_NATIVE_INT8 : H5T_NATIVE_UINT8)
                                 : array->size == 2 ? (isSigned ? H5T_NATIVE_INT16 : H5T_NATIVE_UINT16)
                                 : array->size == 4 ? (isSigned ? H5T_NATIVE_INT32 : H5T_NATIVE_UINT32)
                                                    : (isSigned ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64));
      const hid_t stored = H5Dget_type(dataset);
      // The numbers of an enumeration: by its own type, for names may be more than this program knows.
      if (stored >= 0 && H5Tget_class(stored) == H5T_ENUM) {
        H5Tclose(type);
        const hid_t native = H5Tget_native_type(stored, H5T_DIR_ASCEND);
        H5Tclose(stored);
        if (native >= 0 && H5Tget_size(native) == array->size) return native;
        return -1;
      }
      if (stored >= 0) H5Tclose(stored);
      return type;
    }
    case CHDF5_TRUTH:
    case CHDF5_TEXT: {
      const hid_t stored = H5Dget_type(dataset);
      if (stored < 0 || H5Tget_class(stored) == H5T_STRING) return stored;
      const hid_t native = H5Tget_native_type(stored, H5T_DIR_ASCEND);
      H5Tclose(stored);
      return native;
    }
    default: return -1;
  }
}

/// Where a text of fixed length ends.
static size_t text_length(const char *text, size_t size, H5T_str_t padding) {
  if (padding == H5T_STR_NULLTERM) return strnlen(text, size);
  const char sign = padding == H5T_STR_SPACEPAD ? ' ' : 0;
  while (size > 0 && (text[size - 1] == sign || text[size - 1] == 0)) size--;
  return size;
}

static void put_texts(const uint8_t *bytes, size_t count, size_t size, hid_t type) {
  const int isVariable = H5Tis_variable_str(type) > 0;
  const H5T_str_t padding = H5Tget_strpad(type);
  uint64_t total = 0;
  for (int isWriting = 0; isWriting < 2; isWriting++) {
    if (isWriting) chdf5_put_u64(total);
    for (size_t i = 0; i < count; i++) {
      const char *text = isVariable ? ((char *const *)bytes)[i] : (const char *)bytes + i * size;
      const size_t length = text == NULL ? 0 : isVariable ? strlen(text) : text_length(text, size, padding);
      if (length > UINT32_MAX) chdf5_finish("a text in it has more than four gigabytes");
      if (isWriting) {
        chdf5_put_text(text == NULL ? "" : text, length);
      } else {
        total += 4 + length;
      }
    }
  }
}

/// Rows of a window: whole chunks, or some megabytes.
static hsize_t window_rows(hid_t dataset, const chdf5_array *array, size_t row) {
  hsize_t rows = row > usual_window ? 1 : usual_window / (row > 0 ? row : 1);
  const hid_t list = H5Dget_create_plist(dataset);
  hsize_t chunk[H5S_MAX_RANK];
  if (list >= 0 && H5Pget_layout(list) == H5D_CHUNKED && H5Pget_chunk(list, H5S_MAX_RANK, chunk) > 0 && chunk[0] > 0) {
    const hsize_t whole = (rows + chunk[0] - 1) / chunk[0] * chunk[0];
    if (row == 0 || whole <= largest_window / row) rows = whole;
  }
  if (list >= 0) H5Pclose(list);
  return rows < array->extents[0] ? rows : array->extents[0];
}

_Noreturn void chdf5_read_set(const char *path, const char *name) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) chdf5_fail("it cannot be opened");
  const hid_t links = chdf5_links();
  const hid_t object = H5Oopen(file, name, links);
  if (object < 0 || H5Iget_type(object) != H5I_DATASET) chdf5_fail("the data set cannot be opened");
  H5Oclose(object);
  // The cache of chunks belongs to how it is opened.
  const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_chunk_cache(access, 12421, chunk_cache, 1);
  H5Pset_elink_cb(access, refuse_file, NULL);
  const hid_t dataset = H5Dopen2(file, name, access);
  if (dataset < 0) chdf5_fail("the data set cannot be opened");
  chdf5_array array;
  chdf5_describe(dataset, &array);
  if (array.kind == CHDF5_UNREAD) chdf5_finish(array.why);
  const hid_t type = chdf5_memory_type(&array, dataset);
  if (type < 0) chdf5_fail("its type cannot be read");
  const size_t size = H5Tget_size(type);
  const int isText = array.kind == CHDF5_TEXT;
  if (!isText && size != array.size) chdf5_finish("its type is not what it says");

  const hid_t space = H5Dget_space(dataset);
  if (space < 0) chdf5_fail("its shape cannot be read");
  const int isScalar = array.rank == 0;
  if (isScalar) {
    array.rank = 1;
    array.extents[0] = 1;
  }
  size_t elements = 1;
  for (int i = 1; i < array.rank; i++) {
    if (array.extents[i] != 0 && elements > SIZE_MAX / 64 / array.extents[i]) chdf5_finish("its rows are larger than any memory");
    elements *= array.extents[i];
  }
  if (elements > 0 && size > SIZE_MAX / 64 / elements) chdf5_finish("its rows are larger than any memory");
  const hsize_t most = window_rows(dataset, &array, elements * size);
  if (elements > 0 && most > SIZE_MAX / 2 / (elements * size)) chdf5_finish("its rows are larger than any memory");
  uint8_t *bytes = malloc((size_t)most * elements * size + 1);
  if (bytes == NULL) chdf5_finish("its rows are larger than the memory that there is");

  hsize_t start[H5S_MAX_RANK] = {0};
  hsize_t counts[H5S_MAX_RANK];
  memcpy(counts, array.extents, sizeof counts);
  for (hsize_t row = 0; row < array.extents[0] && elements > 0; row += most) {
    chdf5_more_time();
    const hsize_t rows = array.extents[0] - row < most ? array.extents[0] - row : most;
    start[0] = row;
    counts[0] = rows;
    const hid_t memory = isScalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(array.rank, counts, NULL);
    if (memory < 0 || (!isScalar && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, counts, NULL) < 0)) {
      chdf5_fail("its rows cannot be chosen");
    }
    if (H5Dread(dataset, type, memory, isScalar ? H5S_ALL : space, H5P_DEFAULT, bytes) < 0) {
      chdf5_fail("its rows cannot be read");
    }
    const size_t count = (size_t)rows * elements;
    chdf5_put_u8(CHDF5_WINDOW);
    chdf5_put_u64(rows);
    if (isText) {
      put_texts(bytes, count, size, type);
      if (H5Tis_variable_str(type) > 0) H5Dvlen_reclaim(type, memory, H5P_DEFAULT, bytes);
    } else {
      chdf5_put_u64((uint64_t)count * size);
      chdf5_put(bytes, count * size);
    }
    H5Sclose(memory);
    chdf5_flush();
  }
  chdf5_finish("");
}
