// Opening and reading files.

#include <arrow/filesystem/api.h>
#include <arrow/ipc/api.h>
#include <arrow/util/byte_size.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "Arrow.hpp"

namespace carrow {

thread_local std::string last_error;

static bool is_address(const std::string &place) { return place.find("://") != std::string::npos; }

static std::shared_ptr<arrow::fs::FileSystem> file_system(const std::string &place, std::string *path) {
  if (is_address(place)) {
    auto made = arrow::fs::FileSystemFromUri(place, path);
    // Its threads must end before the process does: what is asked for here comes before what the library itself, which
    // has been set going by now, does at the end.
    static std::once_flag once;
    std::call_once(once, [] { std::atexit([] { arrow::fs::EnsureFinalized(); }); });
    return take(std::move(made));
  }
  *path = place;
  return std::make_shared<arrow::fs::LocalFileSystem>();
}

static std::shared_ptr<arrow::io::RandomAccessFile> input(const std::string &place, bool mapped) {
  if (!is_address(place)) {
    if (mapped) return take(arrow::io::MemoryMappedFile::Open(place, arrow::io::FileMode::READ));
    return take(arrow::io::ReadableFile::Open(place));
  }
  std::string path;
  return take(file_system(place, &path)->OpenInputFile(path));
}

}  // namespace carrow

using namespace carrow;

struct carrow_list_s {
  struct Entry {
    std::string name;
    int64_t size, time;
  };
  std::vector<Entry> entries;
};

struct carrow_file_s {
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  bool mapped = false;
  // One of these two, or neither for a stream, which is opened anew for each reader.
  std::unique_ptr<parquet::arrow::FileReader> parquet;
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> batches;
  std::shared_ptr<arrow::Schema> schema;
  std::string metadata;
  int32_t groups = 1;
};

struct carrow_reader_s {
  std::shared_ptr<arrow::RecordBatchReader> reader;  // of Parquet, or of a stream
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> batches;
  int group = 0;
  bool done = false;
  bool mapped = false;
  std::vector<std::string> columns;
  int64_t batch_rows = 0;
  std::shared_ptr<arrow::RecordBatch> rest;  // of a batch that is handed out in parts
  int64_t rest_from = 0;
};

const char *carrow_error(void) { return last_error.c_str(); }
const char *carrow_version(void) { return arrow::GetBuildInfo().version_string.c_str(); }

carrow_status carrow_load_file_system(const char *library) {
  return guard([&] { check(arrow::fs::LoadFileSystemFactories(library)); });
}

carrow_status carrow_list_open(const char *place, carrow_list *out) {
  return guard([&] {
    std::string path;
    auto system = file_system(place, &path);
    auto info = take(system->GetFileInfo(path));
    auto list = std::make_unique<carrow_list_s>();
    auto add = [&](const arrow::fs::FileInfo &file, const std::string &name) {
      auto time = file.mtime() == arrow::fs::kNoTime ? 0 : file.mtime().time_since_epoch().count();
      list->entries.push_back({name, file.size(), static_cast<int64_t>(time)});
    };
    if (info.IsFile()) {
      add(info, "");
    } else {
      arrow::fs::FileSelector selector;
      selector.base_dir = path;
      selector.recursive = true;
      selector.max_recursion = 8;
      selector.allow_not_found = false;
      while (!path.empty() && path.back() == '/') path.pop_back();
      for (const auto &file : take(system->GetFileInfo(selector))) {
        if (!file.IsFile()) continue;
        auto name = file.path();
        if (name.compare(0, path.size(), path) == 0) name = name.substr(path.size());
        while (!name.empty() && name.front() == '/') name.erase(0, 1);
        add(file, name);
      }
    }
    std::sort(list->entries.begin(), list->entries.end(), [](auto &a, auto &b) { return a.name < b.name; });
    *out = list.release();
  });
}

int64_t carrow_list_count(carrow_list list) { return static_cast<int64_t>(list->entries.size()); }
const char *carrow_list_name(carrow_list list, int64_t index) { return list->entries[index].name.c_str(); }
int64_t carrow_list_size(carrow_list list, int64_t index) { return list->entries[index].size; }
int64_t carrow_list_time(carrow_list list, int64_t index) { return list->entries[index].time; }
void carrow_list_close(carrow_list list) { delete list; }

carrow_status carrow_file_bytes(const char *place, int64_t limit, carrow_array *out) {
  return guard([&] {
    auto file = input(place, false);
    auto size = take(file->GetSize());
    if (size > limit) {
      throw Failure(
          "the file is too long: " + std::to_string(size) + " bytes, where at most " + std::to_string(limit) + " are read");
    }
    auto bytes = take(file->ReadAt(0, size));
    arrow::LargeBinaryBuilder builder;
    check(builder.Append(bytes->data(), bytes->size()));
    *out = wrap(take(builder.Finish()), size);
  });
}

carrow_status carrow_open(const char *place, carrow_file *out) {
  return guard([&] {
    auto file = std::make_unique<carrow_file_s>();
    file->file = input(place, false);
    auto size = take(file->file->GetSize());
    char magic[8] = {0};
    auto found = take(file->file->ReadAt(0, std::min<int64_t>(size, 8), magic));
    if (found >= 4 && std::memcmp(magic, "PAR1", 4) == 0) {
      parquet::ReaderProperties properties(arrow::default_memory_pool());
      // Column chunks are read a piece at a time, so that memory does not grow with a row group.
      properties.enable_buffered_stream();
      properties.set_buffer_size(1 << 20);
      parquet::ArrowReaderProperties settings(false);
      settings.set_pre_buffer(false);
      file->parquet = take(parquet::arrow::FileReader::Make(
          arrow::default_memory_pool(), parquet::ParquetFileReader::Open(file->file, properties), settings));
      check(file->parquet->GetSchema(&file->schema));
      file->groups = file->parquet->num_row_groups();
    } else {
      file->mapped = !is_address(place);
      if (file->mapped) file->file = input(place, true);
      auto options = arrow::ipc::IpcReadOptions::Defaults();
      options.use_threads = false;
      if (found >= 6 && std::memcmp(magic, "ARROW1", 6) == 0) {
        file->batches = take(arrow::ipc::RecordBatchFileReader::Open(file->file, options));
        file->schema = file->batches->schema();
        file->groups = file->batches->num_record_batches();
      } else {
        file->schema = take(arrow::ipc::RecordBatchStreamReader::Open(file->file, options))->schema();
      }
    }
    *out = file.release();
  });
}

void carrow_close(carrow_file file) { delete file; }
bool carrow_is_parquet(carrow_file file) { return file->parquet != nullptr; }
int32_t carrow_group_count(carrow_file file) { return file->groups; }

int64_t carrow_group_rows(carrow_file file, int32_t group) {
  if (!file->parquet) return -1;
  int64_t rows = -1;
  guard([&] { rows = file->parquet->parquet_reader()->metadata()->RowGroup(group)->num_rows(); });
  return rows;
}

const char *carrow_metadata(carrow_file file, const char *key) {
  const char *found = nullptr;
  guard([&] {
    if (!file->schema->metadata()) return;
    auto value = file->schema->metadata()->Get(key);
    if (!value.ok()) return;
    file->metadata = *value;
    found = file->metadata.c_str();
  });
  return found;
}

carrow_status carrow_schema(carrow_file file, carrow_array *out) {
  return guard([&] { *out = wrap(take(take(arrow::RecordBatch::MakeEmpty(file->schema))->ToStructArray())); });
}

int64_t carrow_null_count(carrow_file file, int32_t group, const char *const *path, int32_t count) {
  if (!file->parquet) return -1;
  int64_t nulls = -1;
  guard([&] {
    auto metadata = file->parquet->parquet_reader()->metadata();
    std::vector<std::string> wanted(path, path + count);
    for (int leaf = 0; leaf < metadata->num_columns(); leaf++) {
      if (metadata->schema()->Column(leaf)->path()->ToDotVector() != wanted) continue;
      auto statistics = metadata->RowGroup(group)->ColumnChunk(leaf)->encoded_statistics();
      if (statistics && statistics->has_null_count) nulls = statistics->null_count;
    }
  });
  return nulls;
}

carrow_status carrow_read(
    carrow_file file, int32_t group, const char *const *columns, int32_t count, bool light, int64_t batch_rows,
    carrow_reader *out) {
  return guard([&] {
    auto reader = std::make_unique<carrow_reader_s>();
    reader->columns.assign(columns, columns + count);
    reader->mapped = file->mapped;
    reader->batch_rows = batch_rows;
    auto wanted = [&](const std::string &name) {
      return std::find(reader->columns.begin(), reader->columns.end(), name) != reader->columns.end();
    };
    if (file->parquet) {
      auto schema = file->parquet->parquet_reader()->metadata()->schema();
      std::vector<std::vector<std::string>> paths;
      for (int leaf = 0; leaf < schema->num_columns(); leaf++) paths.push_back(schema->Column(leaf)->path()->ToDotVector());
      std::vector<int> leaves;
      for (int leaf = 0; leaf < schema->num_columns(); leaf++) {
        auto path = paths[leaf];
        if (!wanted(path.front())) continue;
        if (light && path.size() > 1 && path.back() == "bytes") {
          path.back() = "path";
          if (std::find(paths.begin(), paths.end(), path) != paths.end()) continue;
        }
        leaves.push_back(leaf);
      }
      file->parquet->set_batch_size(batch_rows);
      reader->reader = take(file->parquet->GetRecordBatchReader({group}, leaves));
    } else if (file->batches) {
      reader->batches = file->batches;
      reader->group = group;
    } else {
      check(file->file->Seek(0));
      auto options = arrow::ipc::IpcReadOptions::Defaults();
      options.use_threads = false;
      reader->reader = take(arrow::ipc::RecordBatchStreamReader::Open(file->file, options));
    }
    *out = reader.release();
  });
}

carrow_status carrow_next(carrow_reader reader, carrow_array *out) {
  return guard([&] {
    *out = nullptr;
    if (!reader->rest) {
      std::shared_ptr<arrow::RecordBatch> batch;
      if (reader->batches) {
        if (reader->done) return;
        batch = take(reader->batches->ReadRecordBatch(reader->group));
        reader->done = true;
      } else {
        check(reader->reader->ReadNext(&batch));
      }
      if (!batch) return;
      std::vector<int> kept;
      for (const auto &name : reader->columns) {
        auto index = batch->schema()->GetFieldIndex(name);
        if (index < 0) throw Failure("there is no column '" + name + "', or there are two");
        kept.push_back(index);
      }
      std::sort(kept.begin(), kept.end());
      batch = take(batch->SelectColumns(kept));
      // Offsets and texts are what a file says; only now are they known to lie within it.
      check(batch->ValidateFull());
      reader->rest = batch;
      reader->rest_from = 0;
    }
    // Batches of a file may be large; parts share their memory.
    auto rows = std::min(reader->batch_rows, reader->rest->num_rows() - reader->rest_from);
    auto part = reader->rest->Slice(reader->rest_from, rows);
    reader->rest_from += rows;
    if (reader->rest_from >= reader->rest->num_rows()) reader->rest = nullptr;
    int64_t held = 0;
    if (!reader->mapped) held = take(arrow::util::ReferencedBufferSize(*part));
    *out = wrap(take(part->ToStructArray()), held);
  });
}

void carrow_reader_close(carrow_reader reader) { delete reader; }
