// Writing Parquet.

#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/writer.h>

#include <vector>

#include "Arrow.hpp"

using namespace carrow;

struct carrow_writer_s {
  std::unique_ptr<parquet::arrow::FileWriter> file;
  std::unique_ptr<arrow::RecordBatchBuilder> rows;
  std::vector<carrow_kind> kinds;

  template <typename Builder>
  Builder &builder(int32_t column) {
    return *rows->GetFieldAs<Builder>(column);
  }
};

carrow_status carrow_writer_open(
    const char *path, const char *const *names, const carrow_kind *kinds, int32_t count, const char *metadata_key,
    const char *metadata_value, carrow_writer *out) {
  return guard([&] {
    auto writer = std::make_unique<carrow_writer_s>();
    writer->kinds.assign(kinds, kinds + count);
    arrow::FieldVector fields;
    for (int32_t column = 0; column < count; column++) {
      std::shared_ptr<arrow::DataType> type = arrow::utf8();
      if (kinds[column] == CARROW_DOUBLE) type = arrow::float64();
      if (kinds[column] == CARROW_INT) type = arrow::int64();
      if (kinds[column] == CARROW_LIST) type = arrow::list(arrow::utf8());
      fields.push_back(arrow::field(names[column], type));
    }
    auto schema = arrow::schema(fields, arrow::key_value_metadata({{metadata_key, metadata_value}}));
    auto pool = arrow::default_memory_pool();
    auto stream = take(arrow::io::FileOutputStream::Open(path));
    auto settings = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    auto properties = parquet::WriterProperties::Builder().compression(arrow::Compression::ZSTD)->build();
    writer->file = take(parquet::arrow::FileWriter::Open(*schema, pool, stream, properties, settings));
    writer->rows = take(arrow::RecordBatchBuilder::Make(schema, pool));
    *out = writer.release();
  });
}

carrow_status carrow_write_null(carrow_writer writer, int32_t column) {
  return guard([&] { check(writer->rows->GetField(column)->AppendNull()); });
}

carrow_status carrow_write_text(carrow_writer writer, int32_t column, const char *text, int64_t count) {
  return guard([&] {
    std::string_view view(text, static_cast<size_t>(count));
    if (writer->kinds[column] == CARROW_LIST) {
      auto values = writer->builder<arrow::ListBuilder>(column).value_builder();
      check(static_cast<arrow::StringBuilder *>(values)->Append(view));
    } else {
      check(writer->builder<arrow::StringBuilder>(column).Append(view));
    }
  });
}

carrow_status carrow_write_int(carrow_writer writer, int32_t column, int64_t value) {
  return guard([&] { check(writer->builder<arrow::Int64Builder>(column).Append(value)); });
}

carrow_status carrow_write_double(carrow_writer writer, int32_t column, double value) {
  return guard([&] { check(writer->builder<arrow::DoubleBuilder>(column).Append(value)); });
}

carrow_status carrow_write_list(carrow_writer writer, int32_t column) {
  return guard([&] { check(writer->builder<arrow::ListBuilder>(column).Append()); });
}

carrow_status carrow_writer_flush(carrow_writer writer) {
  return guard([&] {
    auto batch = take(writer->rows->Flush());
    if (batch->num_rows() == 0) return;
    check(writer->file->NewBufferedRowGroup());
    check(writer->file->WriteRecordBatch(*batch));
  });
}

carrow_status carrow_writer_close(carrow_writer writer) {
  std::unique_ptr<carrow_writer_s> owned(writer);
  if (auto status = carrow_writer_flush(writer)) return status;
  return guard([&] { check(writer->file->Close()); });
}

void carrow_writer_discard(carrow_writer writer) {
  guard([&] { delete writer; });
}
