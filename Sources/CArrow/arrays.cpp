// Values of arrays.

#include <arrow/extension_type.h>
#include <arrow/util/decimal.h>

#include "Arrow.hpp"

using arrow::Type;

namespace carrow {

std::shared_ptr<arrow::Array> plain(std::shared_ptr<arrow::Array> array) {
  while (array->type_id() == Type::EXTENSION) {
    array = std::static_pointer_cast<arrow::ExtensionArray>(array)->storage();
  }
  return array;
}

/// The array and row of a value: of a dictionary, those of its value.
static std::pair<const arrow::Array *, int64_t> placed(const arrow::Array *array, int64_t row) {
  while (array->type_id() == Type::DICTIONARY && !array->IsNull(row)) {
    auto coded = static_cast<const arrow::DictionaryArray *>(array);
    row = coded->GetValueIndex(row);
    array = coded->dictionary().get();
  }
  return {array, row};
}

static carrow_kind kind(const arrow::DataType &type) {
  switch (type.id()) {
    case Type::NA: return CARROW_NULL;
    case Type::BOOL: return CARROW_BOOL;
    case Type::UINT8: case Type::INT8: case Type::UINT16: case Type::INT16: case Type::UINT32: case Type::INT32:
    case Type::INT64:
      return CARROW_INT;
    case Type::FLOAT: case Type::DOUBLE: return CARROW_DOUBLE;
    case Type::STRING: case Type::LARGE_STRING: case Type::STRING_VIEW: return CARROW_TEXT;
    case Type::BINARY: case Type::LARGE_BINARY: case Type::BINARY_VIEW: case Type::FIXED_SIZE_BINARY:
      return CARROW_BYTES;
    case Type::LIST: case Type::LARGE_LIST: case Type::FIXED_SIZE_LIST: return CARROW_LIST;
    case Type::STRUCT: return CARROW_STRUCT;
    case Type::DICTIONARY: return kind(*static_cast<const arrow::DictionaryType &>(type).value_type());
    case Type::EXTENSION: return kind(*static_cast<const arrow::ExtensionType &>(type).storage_type());
    case Type::UINT64: case Type::HALF_FLOAT: case Type::DATE32: case Type::DATE64: case Type::TIMESTAMP:
    case Type::TIME32: case Type::TIME64: case Type::DURATION: case Type::DECIMAL32: case Type::DECIMAL64:
    case Type::DECIMAL128: case Type::DECIMAL256:
      return CARROW_OTHER;
    default: return CARROW_UNREAD;
  }
}

}  // namespace carrow

using namespace carrow;

void carrow_array_release(carrow_array array) { delete array; }
int64_t carrow_length(carrow_array array) { return array->array->length(); }
int64_t carrow_held_bytes(carrow_array array) { return array->held; }
carrow_kind carrow_array_kind(carrow_array array) { return kind(*array->array->type()); }

bool carrow_is_null(carrow_array array, int64_t row) {
  auto [values, place] = placed(array->array.get(), row);
  return values->IsNull(place) || values->type_id() == Type::NA;
}

int64_t carrow_int(carrow_array array, int64_t row) {
  auto [values, place] = placed(array->array.get(), row);
  switch (values->type_id()) {
    case Type::BOOL: return static_cast<const arrow::BooleanArray *>(values)->Value(place) ? 1 : 0;
    case Type::INT8: return static_cast<const arrow::Int8Array *>(values)->Value(place);
    case Type::UINT8: return static_cast<const arrow::UInt8Array *>(values)->Value(place);
    case Type::INT16: return static_cast<const arrow::Int16Array *>(values)->Value(place);
    case Type::UINT16: return static_cast<const arrow::UInt16Array *>(values)->Value(place);
    case Type::INT32: return static_cast<const arrow::Int32Array *>(values)->Value(place);
    case Type::UINT32: return static_cast<const arrow::UInt32Array *>(values)->Value(place);
    case Type::INT64: return static_cast<const arrow::Int64Array *>(values)->Value(place);
    default: return 0;
  }
}

double carrow_double(carrow_array array, int64_t row) {
  auto [values, place] = placed(array->array.get(), row);
  switch (values->type_id()) {
    case Type::FLOAT: return static_cast<const arrow::FloatArray *>(values)->Value(place);
    case Type::DOUBLE: return static_cast<const arrow::DoubleArray *>(values)->Value(place);
    default: return static_cast<double>(carrow_int(array, row));
  }
}

carrow_bytes carrow_value(carrow_array array, int64_t row) {
  auto [values, place] = placed(array->array.get(), row);
  auto view = [](std::string_view view) {
    return carrow_bytes{reinterpret_cast<const uint8_t *>(view.data()), static_cast<int64_t>(view.size())};
  };
  switch (values->type_id()) {
    case Type::STRING: return view(static_cast<const arrow::StringArray *>(values)->GetView(place));
    case Type::LARGE_STRING: return view(static_cast<const arrow::LargeStringArray *>(values)->GetView(place));
    case Type::STRING_VIEW: return view(static_cast<const arrow::StringViewArray *>(values)->GetView(place));
    case Type::BINARY: return view(static_cast<const arrow::BinaryArray *>(values)->GetView(place));
    case Type::LARGE_BINARY: return view(static_cast<const arrow::LargeBinaryArray *>(values)->GetView(place));
    case Type::BINARY_VIEW: return view(static_cast<const arrow::BinaryViewArray *>(values)->GetView(place));
    case Type::FIXED_SIZE_BINARY:
      return view(static_cast<const arrow::FixedSizeBinaryArray *>(values)->GetView(place));
    default: {
      static thread_local std::string text;
      text.clear();
      guard([&, values = values, place = place] { text = take(values->GetScalar(place))->ToString(); });
      return view(text);
    }
  }
}

void carrow_list_range(carrow_array array, int64_t row, int64_t *start, int64_t *count) {
  auto [values, place] = placed(array->array.get(), row);
  *start = *count = 0;
  switch (values->type_id()) {
    case Type::LIST: {
      auto list = static_cast<const arrow::ListArray *>(values);
      *start = list->value_offset(place), *count = list->value_length(place);
      break;
    }
    case Type::LARGE_LIST: {
      auto list = static_cast<const arrow::LargeListArray *>(values);
      *start = list->value_offset(place), *count = list->value_length(place);
      break;
    }
    case Type::FIXED_SIZE_LIST: {
      auto list = static_cast<const arrow::FixedSizeListArray *>(values);
      *start = list->value_offset(place), *count = list->value_length(place);
      break;
    }
    default: break;
  }
}

int32_t carrow_child_count(carrow_array array) {
  switch (array->array->type_id()) {
    case Type::STRUCT: return array->array->type()->num_fields();
    case Type::LIST: case Type::LARGE_LIST: case Type::FIXED_SIZE_LIST: return 1;
    default: return 0;
  }
}

const char *carrow_child_name(carrow_array array, int32_t index) {
  if (array->array->type_id() != Type::STRUCT) return nullptr;
  return array->array->type()->field(index)->name().c_str();
}

carrow_status carrow_child(carrow_array array, int32_t index, carrow_array *out) {
  return guard([&] {
    auto values = array->array.get();
    switch (values->type_id()) {
      // Parts of a batch are slices; a field takes their place in it.
      case Type::STRUCT: *out = wrap(static_cast<const arrow::StructArray *>(values)->field(index)); break;
      case Type::LIST: *out = wrap(static_cast<const arrow::ListArray *>(values)->values()); break;
      case Type::LARGE_LIST: *out = wrap(static_cast<const arrow::LargeListArray *>(values)->values()); break;
      case Type::FIXED_SIZE_LIST: *out = wrap(static_cast<const arrow::FixedSizeListArray *>(values)->values()); break;
      default: throw Failure("there is nothing below a " + values->type()->ToString());
    }
  });
}
