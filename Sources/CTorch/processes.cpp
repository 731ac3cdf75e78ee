// Processes that train one model together: libtorch's c10d over Gloo.
//
// By itself, since c10d's headers read most of libtorch's.

// As libtorch is built: some of its headers' classes have other members where this is not defined.
#ifndef NDEBUG
#define NDEBUG
#endif
#define USE_C10D_GLOO

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

using namespace ctorch;

struct ctorch_store_s {
  c10::intrusive_ptr<c10d::Store> value;
};

struct ctorch_group_s {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::Backend> value;
};

namespace {

using Group = c10::intrusive_ptr<c10d::Backend>;

/// The sum over all processes, in place.
void add_up(const Group &group, at::Tensor tensor) {
  std::vector<at::Tensor> tensors{std::move(tensor)};
  group->allreduce(tensors)->wait();
}

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
    add_up(holder->group, sums);
    auto count = sums[channels].item<double>();
    auto mean = sums.narrow(0, 0, channels) / count;
    auto centred = x - along(mean, x);
    auto variance = centred.square().sum(dimensions);
    add_up(holder->group, variance);
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
    add_up(holder->group, sums);
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
                                const char *interface, int64_t timeout, ctorch_group *out) {
  return guard([&] {
    auto options = c10d::ProcessGroupGloo::Options::create(std::chrono::milliseconds(timeout));
    options->threads = 1;
    options->devices.push_back(interface != nullptr
                                   ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                   : address != nullptr ? c10d::ProcessGroupGloo::createDeviceForHostname(address)
                                                        : c10d::ProcessGroupGloo::createDefaultDevice());
    c10::intrusive_ptr<c10d::Store> own = c10::make_intrusive<c10d::PrefixStore>(name, store->value);
    *out = new ctorch_group_s{own, c10::make_intrusive<c10d::ProcessGroupGloo>(own, rank, count, options)};
  });
}

void ctorch_group_free(ctorch_group group) {
  guard([&] { delete group; });
}

ctorch_status ctorch_group_sum(ctorch_group group, ctorch_tensor tensor) {
  return guard([&] { add_up(group->value, tensor->value.detach()); });
}

ctorch_status ctorch_group_gather(ctorch_group group, ctorch_tensor part, ctorch_tensor *out) {
  return guard([&] {
    auto input = part->value.detach().contiguous();
    auto sizes = input.sizes().vec();
    sizes.at(0) *= group->value->getSize();
    auto whole = at::empty(sizes, input.options().requires_grad(false));
    group->value->_allgather_base(whole, input)->wait();
    *out = wrap(whole);
  });
}

ctorch_status ctorch_group_broadcast(ctorch_group group, ctorch_tensor tensor, int32_t root) {
  return guard([&] {
    c10d::BroadcastOptions options;
    options.rootRank = root;
    std::vector<at::Tensor> tensors{tensor->value.detach()};
    group->value->broadcast(tensors, options)->wait();
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
