// Processes that train one model together: libtorch's c10d over Gloo, and memory where they share a machine.
//
// By itself, since c10d's headers read most of libtorch's.

// As libtorch is built: some of its headers' classes have other members where this is not defined.
#ifndef NDEBUG
#define NDEBUG
#endif
#define USE_C10D_GLOO

#include "SharedMemory.hpp"

#if __has_include(<ATen/ATen.h>)

#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <random>

using namespace ctorch;

struct ctorch_store_s {
  c10::intrusive_ptr<c10d::Store> value;
};

namespace {

/// The members of a group, and how they exchange numbers.
class Members {
 public:
  Members(c10::intrusive_ptr<c10d::Store> store, c10::intrusive_ptr<c10d::Backend> gloo, bool shares_memory,
          std::chrono::milliseconds timeout)
      : store_(std::move(store)), gloo_(std::move(gloo)) {
    if (!shares_memory || count() == 1) return;
    auto votes = [&](bool is_so) {
      auto sum = at::full({1}, is_so ? 1 : 0, at::kLong);
      over_network(sum);
      return sum.item<int64_t>() == count();
    };
    // The first one's draw names the group.
    std::random_device random;
    auto draw = at::full({1}, rank() == 0 ? static_cast<int64_t>(random()) : 0, at::kLong);
    over_network(draw);
    auto token = std::to_string(draw.item<int64_t>());
    memory_ = SharedMemory::shared(token, rank(), count(), timeout, votes);
  }

  int rank() const { return gloo_->getRank(); }
  int count() const { return gloo_->getSize(); }
  bool share_memory() const { return memory_ != nullptr; }
  c10d::Backend &gloo() const { return *gloo_; }

  /// The sum over all processes, in place; of another device's numbers by way of the host's memory.
  void sum(at::Tensor tensor) const {
    if (count() == 1) return;
    if (!tensor.is_cpu() || !tensor.is_contiguous()) {
      auto near = tensor.to(at::kCPU).contiguous();
      sum(near);
      tensor.copy_(near);
    } else if (memory_ != nullptr && SharedMemory::sums(tensor)) {
      memory_->sum(tensor);
    } else {
      over_network(tensor);
    }
  }

  /// Fills tensors, of each of which every process has its share of the rows.
  void fill(const std::vector<at::Tensor> &tensors) const {
    if (count() == 1) return;
    std::vector<std::vector<SharedMemory::Piece>> pieces(static_cast<size_t>(count()));
    for (const auto &tensor : tensors) {
      TORCH_CHECK(tensor.is_cpu() && tensor.is_contiguous() && tensor.dim() > 0, "rows in a row of memory are filled");
      auto rows = tensor.size(0), each = rows / count(), more = rows % count();
      auto width = rows > 0 ? tensor.nbytes() / static_cast<size_t>(rows) : 0;
      auto *place = static_cast<char *>(tensor.data_ptr());
      for (int member = 0; member < count(); member++) {
        auto bytes = static_cast<size_t>(each + (member < more ? 1 : 0)) * width;
        if (bytes > 0) pieces[static_cast<size_t>(member)].push_back({place, bytes});
        place += bytes;
      }
    }
    if (memory_ != nullptr) {
      memory_->fill(pieces);
    } else {
      over_network(pieces);
    }
    for (const auto &tensor : tensors) tensor.unsafeGetTensorImpl()->bump_version();
  }

  /// Zeros that all members have in one memory; undefined where they share none.
  at::Tensor zeros(int64_t count, at::ScalarType type) const {
    return memory_ != nullptr ? memory_->zeros(count, type) : at::Tensor();
  }

 private:
  void over_network(at::Tensor &tensor) const {
    std::vector<at::Tensor> tensors{tensor};
    gloo_->allreduce(tensors)->wait();
  }

  void over_network(const std::vector<std::vector<SharedMemory::Piece>> &pieces) const {
    // All send as many bytes, in one message.
    size_t longest = 0;
    for (const auto &own : pieces) {
      size_t length = 0;
      for (const auto &piece : own) length += piece.bytes;
      longest = std::max(longest, length);
    }
    if (longest == 0) return;
    auto part = at::zeros({static_cast<int64_t>(longest)}, at::kByte);
    auto whole = at::empty({static_cast<int64_t>(longest) * count()}, at::kByte);
    auto *from = static_cast<char *>(part.data_ptr());
    for (const auto &piece : pieces[static_cast<size_t>(rank())]) {
      std::memcpy(from, piece.place, piece.bytes);
      from += piece.bytes;
    }
    gloo_->_allgather_base(whole, part)->wait();
    for (size_t member = 0; member < pieces.size(); member++) {
      auto *to = static_cast<const char *>(whole.data_ptr()) + member * longest;
      for (const auto &piece : pieces[member]) {
        if (member != static_cast<size_t>(rank())) std::memcpy(piece.place, to, piece.bytes);
        to += piece.bytes;
      }
    }
  }

  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::Backend> gloo_;
  std::unique_ptr<SharedMemory> memory_;
};

using Group = std::shared_ptr<Members>;

/// A group on its way through a graph.
struct GroupHolder : torch::CustomClassHolder {
  explicit GroupHolder(Group group) : group(std::move(group)) {}
  Group group;
};

/// Batch normalization over the rows of all processes, each of which has some.
///
///     μ = Σ x / N,   σ² = Σ (x − μ)² / N,   x̂ = (x − μ) / √(σ² + ε),   y = w x̂ + b
///     ∂x = w / √(σ² + ε) · (∂y − Σ ∂y / N − x̂ Σ (∂y x̂) / N)
///
/// where every Σ is over all processes; the derivatives of w and b are of the own rows alone, as those of any other weight.
struct BatchNormOver : torch::autograd::Function<BatchNormOver> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext *context, const at::Tensor &x,
                                                const at::Tensor &weight, const at::Tensor &bias, double epsilon,
                                                const c10::intrusive_ptr<GroupHolder> &holder) {
    auto channels = x.size(1);
    auto dimensions = others(x);
    // The count travels with the sums.
    auto sums = at::cat({x.sum(dimensions), at::full({1}, static_cast<double>(x.numel() / channels), x.options())});
    holder->group->sum(sums);
    auto count = sums[channels].item<double>();
    auto mean = sums.narrow(0, 0, channels) / count;
    auto centred = x - along(mean, x);
    auto variance = centred.square().sum(dimensions);
    holder->group->sum(variance);
    variance = variance / count;
    auto scale = (variance + epsilon).rsqrt();
    auto normalized = centred * along(scale, x);
    auto y = normalized * along(weight, x) + along(bias, x);
    context->save_for_backward({normalized, weight, scale});
    context->saved_data["holder"] = c10::IValue::make_capsule(holder);
    context->saved_data["count"] = count;
    context->mark_non_differentiable({mean, variance});
    return {y, mean, variance};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context,
                                                 torch::autograd::variable_list derivatives) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "batch normalization over several processes cannot be differentiated twice");
    auto saved = context->get_saved_variables();
    const auto &normalized = saved[0], &weight = saved[1], &scale = saved[2];
    auto holder = c10::static_intrusive_pointer_cast<GroupHolder>(context->saved_data["holder"].toCapsule());
    auto count = context->saved_data["count"].toDouble();
    auto dy = derivatives[0].defined() ? derivatives[0] : at::zeros_like(normalized);
    auto dimensions = others(dy);
    auto own_bias = dy.sum(dimensions), own_weight = (dy * normalized).sum(dimensions);
    auto sums = at::stack({own_bias, own_weight});
    holder->group->sum(sums);
    sums = sums / count;
    auto dx = (dy - along(sums[0], dy) - normalized * along(sums[1], dy)) * along(weight * scale, dy);
    return {dx, own_weight, own_bias, at::Tensor(), at::Tensor()};
  }

 private:
  /// All dimensions but that of channels.
  static std::vector<int64_t> others(const at::Tensor &x) {
    std::vector<int64_t> dimensions{0};
    for (int64_t i = 2; i < x.dim(); i++) dimensions.push_back(i);
    return dimensions;
  }

  /// One number a channel, shaped to meet x.
  static at::Tensor along(const at::Tensor &values, const at::Tensor &x) {
    std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
    shape[1] = values.size(0);
    return values.view(shape);
  }
};

}  // namespace

struct ctorch_group_s {
  Group value;
};

extern "C" {

ctorch_status ctorch_store_in_memory(ctorch_store *out) {
  return guard([&] { *out = new ctorch_store_s{c10::make_intrusive<c10d::HashStore>()}; });
}

ctorch_status ctorch_store_in_file(const char *path, int32_t count, int64_t timeout, ctorch_store *out) {
  return guard([&] {
    auto store = c10::make_intrusive<c10d::FileStore>(path, count);
    store->setTimeout(std::chrono::milliseconds(timeout));
    *out = new ctorch_store_s{store};
  });
}

ctorch_status ctorch_store_at(const char *host, int32_t port, bool serves, int32_t count, int64_t timeout,
                              ctorch_store *out) {
  return guard([&] {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(port);
    options.isServer = serves;
    options.numWorkers = static_cast<std::size_t>(count);
    options.waitWorkers = false;
    options.timeout = std::chrono::milliseconds(timeout);
    *out = new ctorch_store_s{c10::make_intrusive<c10d::TCPStore>(host, options)};
  });
}

void ctorch_store_free(ctorch_store store) {
  guard([&] { delete store; });
}

ctorch_status ctorch_group_join(ctorch_store store, const char *name, int32_t rank, int32_t count, const char *address,
                                const char *interface, int64_t timeout, bool shares_memory, ctorch_group *out) {
  return guard([&] {
    auto wait = std::chrono::milliseconds(timeout);
    auto options = c10d::ProcessGroupGloo::Options::create(wait);
    options->threads = 1;
    options->devices.push_back(interface != nullptr
                                   ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                   : address != nullptr ? c10d::ProcessGroupGloo::createDeviceForHostname(address)
                                                        : c10d::ProcessGroupGloo::createDefaultDevice());
    c10::intrusive_ptr<c10d::Store> own = c10::make_intrusive<c10d::PrefixStore>(name, store->value);
    auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(own, rank, count, options);
    *out = new ctorch_group_s{std::make_shared<Members>(own, gloo, shares_memory, wait)};
  });
}

void ctorch_group_free(ctorch_group group) {
  guard([&] { delete group; });
}

bool ctorch_group_shares_memory(ctorch_group group) { return group->value->share_memory(); }

ctorch_status ctorch_group_sum(ctorch_group group, ctorch_tensor tensor) {
  return guard([&] { group->value->sum(tensor->value.detach()); });
}

ctorch_status ctorch_group_fill(ctorch_group group, const ctorch_tensor *tensors, int32_t count) {
  return guard([&] { group->value->fill(list(tensors, count)); });
}

ctorch_status ctorch_group_zeros(ctorch_group group, int64_t count, int32_t type, ctorch_tensor *out) {
  return guard([&] {
    auto zeros = group->value->zeros(count, scalar_type(type));
    *out = zeros.defined() ? wrap(zeros) : nullptr;
  });
}

ctorch_status ctorch_group_broadcast(ctorch_group group, ctorch_tensor tensor, int32_t root) {
  return guard([&] {
    c10d::BroadcastOptions options;
    options.rootRank = root;
    std::vector<at::Tensor> tensors{tensor->value.detach()};
    group->value->gloo().broadcast(tensors, options)->wait();
  });
}

ctorch_status ctorch_batch_norm_over(ctorch_group group, ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias,
                                     double epsilon, ctorch_tensor *out, ctorch_tensor *mean, ctorch_tensor *variance) {
  return guard([&] {
    auto found = BatchNormOver::apply(a->value, weight->value, bias->value, epsilon,
                                      c10::make_intrusive<GroupHolder>(group->value));
    *out = wrap(found[0]);
    *mean = wrap(found[1]);
    *variance = wrap(found[2]);
  });
}

}  // extern "C"

#endif
