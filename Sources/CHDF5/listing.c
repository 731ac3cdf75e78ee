#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum {
  deepest = 16,
  longest_name = 1024,
  largest_chunk = 1 << 30,
};

// MARK: What a data set is

static void refuse(chdf5_array *array, const char *why) {
  array->kind = CHDF5_UNREAD;
  if (array->why[0] == 0) snprintf(array->why, sizeof array->why, "%s", why);
}

/// h5py writes truth values as an enumeration of FALSE and TRUE.
static int is_truth(hid_t type) {
  if (H5Tget_nmembers(type) != 2 || H5Tget_size(type) != 1) return 0;
  for (unsigned i = 0; i < 2; i++) {
    char *name = H5Tget_member_name(type, i);
    int8_t value = -1;
    const int isValue = H5Tget_member_value(type, i, &value) >= 0;
    const int fits = name != NULL && isValue && strcmp(name, value == 0 ? "FALSE" : "TRUE") == 0;
    if (name != NULL) H5free_memory(name);
    if (!fits || value < 0 || value > 1) return 0;
  }
  return 1;
}

static void describe_type(hid_t type, chdf5_array *array) {
  const size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      if (size > 16) return refuse(array, "it holds numbers of a size that is not read");
      array->kind = CHDF5_REAL;
      // Half precision is exact in single.
      array->size = size <= 4 ? 4 : 8;
      return;
    case H5T_INTEGER:
      if (size > 8) return refuse(array, "it holds whole numbers of more than 64 bits");
      array->kind = H5Tget_sign(type) == H5T_SGN_NONE ? CHDF5_UNSIGNED : CHDF5_SIGNED;
      array->size = size <= 1 ? 1 : size <= 2 ? 2 : size <= 4 ? 4 : 8;
      return;
    case H5T_ENUM: {
      if (is_truth(type)) {
        array->kind = CHDF5_TRUTH;
        array->size = 1;
        return;
      }
      const hid_t base = H5Tget_super(type);
      if (base < 0) return refuse(array, "its type cannot be read");
      describe_type(base, array);
      H5Tclose(base);
      return;
    }
    case H5T_BITFIELD:
      if (size != 1) return refuse(array, "it holds bit fields of more than a byte");
      array->kind = CHDF5_TRUTH;
      array->size = 1;
      return;
    case H5T_STRING:
      if (H5Tis_variable_str(type) <= 0 && (size == 0 || size > 1 << 20)) return refuse(array, "its texts are too long");
      array->kind = CHDF5_TEXT;
      array->size = 0;
      return;
    case H5T_COMPOUND: return refuse(array, "it holds structures of several fields (or complex numbers)");
    case H5T_VLEN: return refuse(array, "it holds lists of unequal length");
    case H5T_ARRAY: return refuse(array, "each of its elements is an array");
    case H5T_REFERENCE: return refuse(array, "it holds references to other objects");
    case H5T_OPAQUE: return refuse(array, "it holds bytes without a meaning (opaque)");
    default: return refuse(array, "its type is not read");
  }
}

static void check_storage(hid_t dataset, chdf5_array *array) {
  const hid_t list = H5Dget_create_plist(dataset);
  if (list < 0) return refuse(array, "how it is stored cannot be read");
  const H5D_layout_t layout = H5Pget_layout(list);
  if (layout == H5D_VIRTUAL) refuse(array, "it is put together of other files (a virtual data set), which are not opened");
  if (H5Pget_external_count(list) > 0) refuse(array, "its numbers lie in another file, which is not opened");
  const int filters = H5Pget_nfilters(list);
  for (int i = 0; i < filters; i++) {
    char name[64] = "";
    unsigned flags = 0, settings = 0;
    size_t values = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(list, (unsigned)i, &flags, &values, NULL, sizeof name, name, &settings);
    if (filter >= 0 && H5Zfilter_avail(filter) > 0) continue;
    name[sizeof name - 1] = 0;
    char words[160];
    snprintf(words, sizeof words, "it is packed by a filter that is not there (%d%s%s): write it with gzip or none",
             (int)filter, name[0] == 0 ? "" : ", ", name);
    refuse(array, words);
  }
  double size = array->size == 0 ? 1 : array->size;
  if (layout == H5D_CHUNKED) {
    hsize_t chunk[H5S_MAX_RANK];
    const int rank = H5Pget_chunk(list, H5S_MAX_RANK, chunk);
    double bytes = size;
    for (int i = 0; i < rank && i < H5S_MAX_RANK; i++) bytes *= (double)chunk[i];
    if (bytes > largest_chunk) refuse(array, "its chunks are larger than a gigabyte");
  }
  for (int i = 0; i < array->rank; i++) size *= (double)array->extents[i];
  // Deflate packs 1,032 bytes into one at most; the rest would be made of nothing.
  const double stored = (double)H5Dget_storage_size(dataset);
  if (array->kind != CHDF5_TEXT && size > 1 << 20 && size > 1100 * stored) {
    char words[160];
    snprintf(words, sizeof words, "it claims %.0f bytes, and %.0f are stored", size, stored);
    refuse(array, words);
  }
  H5Pclose(list);
}

void chdf5_describe(hid_t dataset, chdf5_array *array) {
  memset(array, 0, sizeof *array);
  const hid_t space = H5Dget_space(dataset);
  const H5S_class_t class = space < 0 ? H5S_NO_CLASS : H5Sget_simple_extent_type(space);
  if (class == H5S_SIMPLE) {
    array->rank = H5Sget_simple_extent_dims(space, array->extents, NULL);
    if (array->rank < 0) array->rank = 0;
  } else if (class != H5S_SCALAR) {
    refuse(array, "it has no shape");
  }
  if (space >= 0) H5Sclose(space);
  const hid_t type = H5Dget_type(dataset);
  if (type < 0) return refuse(array, "its type cannot be read");
  if (array->why[0] == 0) describe_type(type, array);
  H5Tclose(type);
  if (array->why[0] == 0) check_storage(dataset, array);
}

// MARK: What is in a file

typedef struct {
  uint64_t limit, seen;
  haddr_t above[deepest];
} walk;

static void put_object(const char *name, const chdf5_array *array) {
  chdf5_put_u8(CHDF5_OBJECT);
  chdf5_put_text(name, strlen(name));
  chdf5_put_u8((uint8_t)array->kind);
  chdf5_put_u8(array->size);
  chdf5_put_u8((uint8_t)array->rank);
  for (int i = 0; i < array->rank; i++) chdf5_put_u64(array->extents[i]);
  chdf5_put_text(array->why, strlen(array->why));
}

static void put_unread(const char *name, const char *why) {
  chdf5_array array = {.kind = CHDF5_UNREAD};
  snprintf(array.why, sizeof array.why, "%s", why);
  put_object(name, &array);
}

static void list_group(hid_t group, const char *path, int depth, walk *state);

static void list_object(hid_t group, const char *name, const char *path, int depth, walk *state) {
  char full[2 * longest_name];
  if (strlen(path) + strlen(name) + 2 > sizeof full) chdf5_finish("a name in it is longer than a kilobyte");
  snprintf(full, sizeof full, "%s%s%s", path, path[0] == 0 ? "" : "/", name);
  H5L_info_t link;
  if (H5Lget_info(group, name, &link, H5P_DEFAULT) < 0) return put_unread(full, "what it is cannot be read");
  if (link.type == H5L_TYPE_EXTERNAL) return put_unread(full, "it is a link into another file, which is not followed");
  const hid_t links = chdf5_links();
  const hid_t object = H5Oopen(group, name, links);
  char words[CHDF5_WORDS], why[CHDF5_WORDS + 100];
  // Before the next call forgets them.
  chdf5_last_words(words);
  H5Pclose(links);
  if (object < 0) {
    if (link.type == H5L_TYPE_SOFT) return put_unread(full, "it is a link that leads nowhere in the file");
    // Damaged, or written by a later version of the library.
    snprintf(why, sizeof why, "libhdf5 %u.%u.%u cannot open it%s%s", H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE,
             words[0] == 0 ? "" : ": ", words);
    return put_unread(full, why);
  }
  const H5I_type_t kind = H5Iget_type(object);
  if (kind == H5I_DATASET) {
    chdf5_array array;
    chdf5_describe(object, &array);
    put_object(full, &array);
  } else if (kind == H5I_GROUP) {
    H5O_info_t info;
    if (H5Oget_info(object, &info) < 0) {
      put_unread(full, "the group is damaged");
    } else {
      int isAbove = 0;
      for (int i = 0; i <= depth; i++) isAbove |= state->above[i] == info.addr;
      if (isAbove) {
        put_unread(full, "it is a link back to a group that it lies in");
      } else if (depth + 1 == deepest) {
        put_unread(full, "the group lies too deep");
      } else {
        state->above[depth + 1] = info.addr;
        list_group(object, full, depth + 1, state);
      }
    }
  }
  H5Oclose(object);
}

static void list_group(hid_t group, const char *path, int depth, walk *state) {
  H5G_info_t info;
  if (H5Gget_info(group, &info) < 0) return put_unread(path, "the group is damaged");
  for (hsize_t i = 0; i < info.nlinks; i++) {
    if (++state->seen > state->limit) {
      char words[120];
      snprintf(words, sizeof words, "it holds more than %llu objects", (unsigned long long)state->limit);
      chdf5_finish(words);
    }
    char name[longest_name];
    const ssize_t length =
        H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    if (length < 0) return put_unread(path[0] == 0 ? "/" : path, "a name in the group is damaged");
    if (length >= longest_name) chdf5_finish("a name in it is longer than a kilobyte");
    list_object(group, name, path, depth, state);
    if (i % 256 == 0) chdf5_more_time();
  }
}

// MARK: The splits that Fuel keeps in an attribute

enum { most_splits = 4096 };

typedef struct {
  char split[64], source[64];
  int64_t start, stop;
} fuel_row;

static void list_splits(hid_t file) {
  if (H5Aexists(file, "split") <= 0) return;
  const hid_t attribute = H5Aopen(file, "split", H5P_DEFAULT);
  if (attribute < 0) return;
  const hid_t space = H5Aget_space(attribute);
  const hid_t type = H5Aget_type(attribute);
  const hssize_t count = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
  int fits = type >= 0 && H5Tget_class(type) == H5T_COMPOUND && count > 0 && count <= most_splits;
  static const char *const fields[] = {"split", "source", "start", "stop"};
  for (int i = 0; fits && i < 4; i++) {
    const int place = H5Tget_member_index(type, fields[i]);
    fits = place >= 0 && H5Tget_member_class(type, (unsigned)place) == (i < 2 ? H5T_STRING : H5T_INTEGER);
    if (fits && i < 2) {
      const hid_t member = H5Tget_member_type(type, (unsigned)place);
      fits = member >= 0 && H5Tis_variable_str(member) == 0;
      if (member >= 0) H5Tclose(member);
    }
  }
  fuel_row *rows = fits ? calloc((size_t)count, sizeof *rows) : NULL;
  if (rows != NULL) {
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, sizeof rows->split);
    // Strings of other character sets are not turned into each other.
    const int place = H5Tget_member_index(type, "split");
    const hid_t member = H5Tget_member_type(type, (unsigned)place);
    H5Tset_cset(text, H5Tget_cset(member));
    H5Tclose(member);
    const hid_t row = H5Tcreate(H5T_COMPOUND, sizeof *rows);
    H5Tinsert(row, "split", offsetof(fuel_row, split), text);
    H5Tinsert(row, "source", offsetof(fuel_row, source), text);
    H5Tinsert(row, "start", offsetof(fuel_row, start), H5T_NATIVE_INT64);
    H5Tinsert(row, "stop", offsetof(fuel_row, stop), H5T_NATIVE_INT64);
    if (H5Aread(attribute, row, rows) >= 0) {
      for (hssize_t i = 0; i < count; i++) {
        // One line a split and source: the sources of a split have the same rows.
        int isKnown = 0;
        for (hssize_t j = 0; j < i; j++) isKnown |= memcmp(rows[i].split, rows[j].split, sizeof rows->split) == 0;
        if (isKnown || rows[i].start < 0 || rows[i].stop < rows[i].start) continue;
        chdf5_put_u8(CHDF5_ROWS);
        chdf5_put_text(rows[i].split, strnlen(rows[i].split, sizeof rows->split));
        chdf5_put_u64((uint64_t)rows[i].start);
        chdf5_put_u64((uint64_t)rows[i].stop);
      }
    }
    H5Tclose(row);
    H5Tclose(text);
    free(rows);
  }
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  H5Aclose(attribute);
}

_Noreturn void chdf5_list_file(const char *path, uint64_t limit) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) chdf5_fail("it cannot be opened");
  const hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
  H5O_info_t info;
  if (root < 0 || H5Oget_info(root, &info) < 0) chdf5_fail("its first group cannot be read");
  walk state = {.limit = limit};
  state.above[0] = info.addr;
  list_group(root, "", 0, &state);
  list_splits(file);
  chdf5_finish("");
}
