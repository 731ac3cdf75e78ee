// What every file of the shim shares: the handle, the one place where exceptions end, and small conversions.

#pragma once

#if !__has_include(<ATen/ATen.h>)
#error "libtorch was not found: run 'make libtorch', or set LIBTORCH to a folder that holds include/ and lib/"
#else

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <atomic>
#include <exception>
#include <new>
#include <string>

#include "ctorch.h"

struct ctorch_tensor_s {
  at::Tensor value;
};

struct ctorch_generator_s {
  at::Generator value;
};

namespace ctorch {

extern thread_local std::string last_error;
extern std::atomic<int64_t> live_tensors;

inline ctorch_tensor wrap(at::Tensor value) {
  auto *handle = new ctorch_tensor_s{std::move(value)};
  live_tensors.fetch_add(1, std::memory_order_relaxed);
  return handle;
}

inline ctorch_status fail(const char *sentence) noexcept {
  try {
    last_error = sentence;
  } catch (...) {
  }
  return 1;
}

/// Runs `body`; whatever it throws becomes a status and a sentence.
template <typename Body>
ctorch_status guard(Body &&body) noexcept {
  try {
    body();
    return 0;
  } catch (const c10::Error &error) {
    return fail(error.what_without_backtrace());
  } catch (const std::bad_alloc &) {
    return fail("out of memory");
  } catch (const std::exception &error) {
    return fail(error.what());
  } catch (...) {
    return fail("an unknown C++ exception");
  }
}

inline at::ScalarType scalar_type(int32_t type) {
  switch (type) {
    case ctorch_float32: return at::kFloat;
    case ctorch_float64: return at::kDouble;
    case ctorch_float16: return at::kHalf;
    case ctorch_bfloat16: return at::kBFloat16;
    case ctorch_int64: return at::kLong;
    case ctorch_int32: return at::kInt;
    case ctorch_uint8: return at::kByte;
    case ctorch_bool: return at::kBool;
    case ctorch_int16: return at::kShort;
    case ctorch_int8: return at::kChar;
    default: TORCH_CHECK(false, "element type ", type, " is not known");
  }
}

inline at::IntArrayRef sizes(const int64_t *values, int32_t count) {
  return at::IntArrayRef(values, static_cast<size_t>(count));
}

inline at::TensorOptions options(int32_t type, const char *device) {
  return at::TensorOptions().dtype(scalar_type(type)).device(c10::Device(std::string(device)));
}

inline std::vector<at::Tensor> list(const ctorch_tensor *tensors, int32_t count) {
  std::vector<at::Tensor> values;
  values.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; i++) values.push_back(tensors[i]->value);
  return values;
}

}  // namespace ctorch

#endif
