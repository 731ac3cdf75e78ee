// A device that is not the host. Its memory cannot be read or written where its tensors say it lies, so that whoever takes
// them for the host's crashes; its operations are the processor's; and operands that lie elsewhere are refused, as CUDA
// refuses them.

#include "include/foreign.h"

#if __has_include(<ATen/ATen.h>)

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <torch/library.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

namespace {

constexpr auto foreign = c10::DeviceType::PrivateUse1;
const c10::Device here(foreign, 0);
std::atomic<long long> operations;

/// Addresses that are given out, and the memory that stands behind each.
class Memory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (next_ == nullptr) {
      auto *start = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);
      TORCH_CHECK(start != MAP_FAILED, "no addresses for the foreign device");
      next_ = static_cast<char *>(start);
      end_ = next_ + reserved;
    }
    auto length = (size + 64) / 64 * 64;
    TORCH_CHECK(next_ + length <= end_, "the foreign device has given all its addresses");
    auto *address = next_;
    next_ += length;
    behind_[address] = std::make_unique<char[]>(length);
    return {address, address, &release, here};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void *to, const void *from, size_t count) const override {
    default_copy_data(behind(to), behind(from), count);
  }

  /// What stands behind the start of a piece of memory.
  char *behind(const void *address) const {
    std::lock_guard<std::mutex> lock(mutex_);
    return behind_.at(static_cast<char *>(const_cast<void *>(address))).get();
  }

  static Memory &shared() {
    static auto *memory = new Memory;
    return *memory;
  }

 private:
  static constexpr size_t reserved = size_t(1) << 36;

  static void release(void *address) {
    auto &memory = shared();
    std::lock_guard<std::mutex> lock(memory.mutex_);
    memory.behind_.erase(static_cast<char *>(address));
  }

  mutable std::mutex mutex_;
  char *next_ = nullptr, *end_ = nullptr;
  std::map<char *, std::unique_ptr<char[]>> behind_;
};

/// A tensor's own numbers, as the processor sees them.
at::Tensor seen(const at::Tensor &tensor) {
  if (!tensor.defined() || tensor.device().type() != foreign) return tensor;
  auto *start = Memory::shared().behind(tensor.storage().data());
  return at::from_blob(start + static_cast<size_t>(tensor.storage_offset()) * tensor.itemsize(), tensor.sizes(),
                       tensor.strides(), at::TensorOptions(tensor.dtype()));
}

void compute(const c10::OperatorHandle &op, torch::jit::Stack *stack) {
  operations++;
  const auto &schema = op.schema();
  std::vector<std::pair<at::Tensor, at::Tensor>> lent;
  auto lend = [&](const at::Tensor &tensor) {
    if (!tensor.defined()) return tensor;
    if (tensor.device().type() != foreign) {
      TORCH_CHECK(tensor.dim() == 0, schema.name(), " has an operand of ", tensor.sizes(), " on ", tensor.device(),
                  ", where others are on the foreign device");
      return tensor;
    }
    // Where a result shall be written there may be nothing yet: that grows.
    auto grows = tensor.numel() == 0;
    lent.emplace_back(grows ? at::empty_like(tensor, at::kCPU) : seen(tensor), tensor);
    return lent.back().first;
  };
  for (auto i = stack->size() - schema.arguments().size(); i < stack->size(); i++) {
    auto &value = (*stack)[i];
    if (value.isTensor()) {
      value = lend(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor &tensor : value.toTensorVector()) list.push_back(lend(tensor));
      value = list;
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const std::optional<at::Tensor> &tensor : value.toOptionalTensorVector()) {
        list.push_back(tensor ? std::optional(lend(*tensor)) : std::nullopt);
      }
      value = list;
    } else if (value.isDevice()) {
      value = c10::Device(c10::kCPU);
    }
  }
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  auto returned = [&](const at::Tensor &tensor) {
    if (!tensor.defined()) return tensor;
    for (const auto &[seen, own] : lent) {
      if (!seen.is_same(tensor)) continue;
      if (own.sizes() != tensor.sizes()) {
        own.unsafeGetTensorImpl()->shallow_copy_from(tensor.to(own.device()).getIntrusivePtr());
      }
      return own;
    }
    return tensor.to(here);
  };
  for (auto i = stack->size() - schema.returns().size(); i < stack->size(); i++) {
    auto &value = (*stack)[i];
    if (value.isTensor()) {
      value = returned(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor &tensor : value.toTensorVector()) list.push_back(returned(tensor));
      value = list;
    }
  }
}

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> type, std::optional<at::Layout>,
                 std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &Memory::shared(), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(type), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> type,
                         std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &Memory::shared(),
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(type));
}

at::Tensor copy(const at::Tensor &from, const at::Tensor &to, bool) {
  seen(to).copy_(seen(from));
  return to;
}

at::Scalar scalar(const at::Tensor &tensor) { return seen(tensor).item(); }

at::Tensor convolution(const at::Tensor &input, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                       at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, int64_t groups) {
  auto offset = bias ? std::optional(seen(*bias)) : std::nullopt;
  return at::convolution(seen(input), seen(weight), offset, stride, padding, dilation, transposed, output_padding, groups)
      .to(here);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(
    const at::Tensor &gradient, const at::Tensor &input, const at::Tensor &weight, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed, at::IntArrayRef output_padding, int64_t groups,
    std::array<bool, 3> wanted) {
  const int64_t bias[] = {weight.size(0)};
  auto [a, b, c] = at::convolution_backward(seen(gradient), seen(input), seen(weight), bias, stride, padding,
                                            dilation, transposed, output_padding, groups, wanted);
  auto moved = [](const at::Tensor &tensor) { return tensor.defined() ? tensor.to(here) : tensor; };
  return {moved(a), moved(b), moved(c)};
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", empty);
  library.impl("empty_strided", empty_strided);
  library.impl("_copy_from", copy);
  library.impl("_local_scalar_dense", scalar);
  library.impl("as_strided", at::native::as_strided_tensorimpl);
  library.impl("view", at::native::view);
  library.impl("_reshape_alias", at::native::_reshape_alias);
  library.impl("convolution_overrideable", convolution);
  library.impl("convolution_backward_overrideable", convolution_backward);
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&compute>());
}

// One device with one stream, on which everything is done when a call comes back.
struct Guard final : c10::impl::NoOpDeviceGuardImpl<foreign> {
  c10::Device getDevice() const override { return here; }
  c10::Device exchangeDevice(c10::Device) const override { return here; }
  c10::Stream getStream(c10::Device) const noexcept override { return stream(); }
  c10::Stream exchangeStream(c10::Stream) const noexcept override { return stream(); }
  void record(void **, const c10::Stream &, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void *, const c10::Stream &) const override {}
  bool queryEvent(void *) const override { return true; }

 private:
  static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, here); }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

const bool registered = [] {
  c10::register_privateuse1_backend("foreign");
  at::RegisterPrivateUse1HooksInterface(new Hooks);
  return true;
}();

}  // namespace

long long foreign_operations(void) { return operations; }

#endif
