// Making, freeing and reading tensors; versions, devices, threads.

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <torch/headeronly/version.h>

#include <cstring>

#ifdef __linux__
#include <dlfcn.h>
#endif

using namespace ctorch;

namespace ctorch {
thread_local std::string last_error;
std::atomic<int64_t> live_tensors{0};
}  // namespace ctorch

extern "C" {

const char *ctorch_last_error(void) { return last_error.c_str(); }

const char *ctorch_version(void) { return TORCH_VERSION; }

int64_t ctorch_live_tensors(void) { return live_tensors.load(std::memory_order_relaxed); }

int32_t ctorch_threads(void) { return at::get_num_threads(); }

void ctorch_set_threads(int32_t count) {
  guard([&] { at::set_num_threads(count); });
}

bool ctorch_has_cuda(void) {
#ifdef __linux__
  // A build against a libtorch without CUDA names no library of it; one that runs on a libtorch with it finds that library here.
  static const bool loaded = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_GLOBAL) != nullptr;
  (void)loaded;
#endif
  bool found = false;
  guard([&] { found = at::hasCUDA() && at::globalContext().getAcceleratorHooksInterface(at::kCUDA).deviceCount() > 0; });
  return found;
}

bool ctorch_has_mps(void) {
  bool found = false;
  guard([&] { found = at::hasMPS(); });
  return found;
}

const char *ctorch_other_device(void) {
  static const auto name = [] {
    std::string name;
    guard([&] {
      if (at::isPrivateUse1HooksRegistered() && at::detail::getPrivateUse1Hooks().isAvailable()) {
        name = c10::get_privateuse1_backend();
      }
    });
    return name;
  }();
  return name.empty() ? nullptr : name.c_str();
}

const char *ctorch_vectors(void) {
  static const auto name = [] {
    std::string name;
    guard([&] { name = at::get_cpu_capability(); });
    return name;
  }();
  return name.c_str();
}

void ctorch_free(ctorch_tensor tensor) {
  if (tensor == nullptr) return;
  live_tensors.fetch_sub(1, std::memory_order_relaxed);
  guard([&] { delete tensor; });
}

ctorch_status ctorch_full(const int64_t *values, int32_t rank, double value, int32_t type, const char *device,
                          ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::full(sizes(values, rank), value, options(type, device))); });
}

ctorch_status ctorch_empty(const int64_t *values, int32_t rank, int32_t type, const char *device, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::empty(sizes(values, rank), options(type, device))); });
}

ctorch_status ctorch_arange(int64_t start, int64_t end, const char *device, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::arange(start, end, options(ctorch_int64, device))); });
}

ctorch_status ctorch_from_bytes(const void *bytes, const int64_t *values, int32_t rank, int32_t type,
                                const char *device, ctorch_tensor *out) {
  return guard([&] {
    auto host = at::empty(sizes(values, rank), options(type, "cpu"));
    if (host.nbytes() > 0) std::memcpy(host.data_ptr(), bytes, host.nbytes());
    *out = wrap(host.to(c10::Device(std::string(device))));
  });
}

ctorch_status ctorch_wrap(void *bytes, const int64_t *values, int32_t rank, int32_t type, void (*release)(void *),
                          void *context, ctorch_tensor *out) {
  return guard([&] {
    *out = wrap(at::from_blob(
        bytes, sizes(values, rank), [release, context](void *) { release(context); }, options(type, "cpu")));
  });
}

ctorch_status ctorch_read(ctorch_tensor tensor, void *bytes, size_t count) {
  return guard([&] {
    auto host = tensor->value.detach().to(at::kCPU).contiguous();
    TORCH_CHECK(host.nbytes() == count, "the tensor holds ", host.nbytes(), " bytes, the buffer ", count);
    if (count > 0) std::memcpy(bytes, host.data_ptr(), count);
  });
}

ctorch_status ctorch_item(ctorch_tensor tensor, double *out) {
  return guard([&] { *out = tensor->value.item().toDouble(); });
}

ctorch_status ctorch_changes(ctorch_tensor tensor, int64_t *out) {
  return guard([&] { *out = static_cast<int64_t>(tensor->value._version()); });
}

int32_t ctorch_rank(ctorch_tensor tensor) { return static_cast<int32_t>(tensor->value.dim()); }

void ctorch_sizes(ctorch_tensor tensor, int64_t *values) {
  auto found = tensor->value.sizes();
  std::copy(found.begin(), found.end(), values);
}

int32_t ctorch_type(ctorch_tensor tensor) {
  switch (tensor->value.scalar_type()) {
    case at::kFloat: return ctorch_float32;
    case at::kDouble: return ctorch_float64;
    case at::kHalf: return ctorch_float16;
    case at::kBFloat16: return ctorch_bfloat16;
    case at::kLong: return ctorch_int64;
    case at::kInt: return ctorch_int32;
    case at::kByte: return ctorch_uint8;
    case at::kBool: return ctorch_bool;
    case at::kShort: return ctorch_int16;
    case at::kChar: return ctorch_int8;
    default: return -1;
  }
}

bool ctorch_is_contiguous(ctorch_tensor tensor) { return tensor->value.is_contiguous(); }

bool ctorch_shares_storage(ctorch_tensor a, ctorch_tensor b) { return a->value.is_alias_of(b->value); }

void ctorch_device(ctorch_tensor tensor, char *name, size_t capacity) {
  guard([&] {
    auto found = tensor->value.device().str();
    std::strncpy(name, found.c_str(), capacity - 1);
    name[capacity - 1] = 0;
  });
}

ctorch_status ctorch_view_as(ctorch_tensor tensor, int32_t type, ctorch_tensor *out) {
  return guard([&] { *out = wrap(tensor->value.view(scalar_type(type))); });
}

ctorch_status ctorch_to(ctorch_tensor tensor, int32_t type, const char *device, ctorch_tensor *out) {
  return guard([&] { *out = wrap(tensor->value.to(c10::Device(std::string(device)), scalar_type(type))); });
}

}  // extern "C"

#endif
