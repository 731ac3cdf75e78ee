// What pretrained networks are made of besides matrix products: attention, normalization, convolution, pooling.

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/cpu/Utils.h>
#include <c10/core/GradMode.h>

using namespace ctorch;

namespace {

std::optional<at::Tensor> optional(ctorch_tensor tensor) {
  return tensor == nullptr ? std::nullopt : std::optional<at::Tensor>(tensor->value);
}

using FusedProduct = at::Tensor(const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &,
                                std::string_view, c10::List<std::optional<at::Scalar>>,
                                std::optional<std::string_view>);

/// oneDNN's product, which applies GELU to what is still in the cache; not in every libtorch.
const std::optional<c10::OperatorHandle> &fused_product() {
  static const auto schema = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  return schema;
}

at::Tensor fused(const at::Tensor &a, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                 const char *gelu) {
  return fused_product()->typed<FusedProduct>().call(a, weight, bias, gelu == nullptr ? "none" : "gelu",
                                                     c10::List<std::optional<at::Scalar>>(),
                                                     gelu == nullptr ? "" : gelu);
}

/// Whether oneDNN multiplies bfloat16 numbers on this processor, as far as it is let: found by a small product.
bool fuses_bfloat16() {
  static const bool found = [] {
    if (!fused_product()) return false;
    try {
      c10::NoGradGuard quiet;
      auto ones = at::ones({16, 16}, at::kBFloat16);
      return at::all(fused(ones, ones, {}, nullptr) == 16).item<bool>();
    } catch (...) {
      return false;
    }
  }();
  return found;
}

std::optional<at::Tensor> fused_linear(const at::Tensor &a, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                                       const char *gelu) {
  auto type = a.scalar_type();
  auto fits = fused_product() && a.is_cpu() && a.numel() > 0 && weight.is_contiguous() && weight.scalar_type() == type &&
              (type == at::kFloat || type == at::kBFloat16) && !c10::GradMode::is_enabled() &&
              at::globalContext().userEnabledMkldnn() && (type == at::kFloat || fuses_bfloat16());
  return fits ? std::optional<at::Tensor>(fused(a, weight, bias, gelu)) : std::nullopt;
}

}  // namespace

extern "C" {

bool ctorch_multiplies_bfloat16(void) {
  static const bool found = [] {
    bool named = false;
    guard([&] {
      for (const auto &[name, value] : at::cpu::get_cpu_capabilities()) {
        if (name.find("bf16") != std::string::npos && value.isBool() && value.toBool()) named = true;
      }
    });
    // Without oneDNN the products are libtorch's own.
    return named && (!fused_product() || fuses_bfloat16());
  }();
  return found;
}

ctorch_status ctorch_frozen_linear(ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias, int32_t gelu,
                                   ctorch_tensor *out) {
  return guard([&] {
    const char *form = gelu == 0 ? nullptr : gelu == 1 ? "none" : "tanh";
    if (auto fused = fused_linear(a->value, weight->value, optional(bias), form)) {
      *out = wrap(*fused);
      return;
    }
    auto product = at::linear(a->value, weight->value, optional(bias));
    *out = wrap(form == nullptr ? product : at::gelu(product, form));
  });
}

ctorch_status ctorch_attention(ctorch_tensor query, ctorch_tensor key, ctorch_tensor value, ctorch_tensor mask,
                               bool causal, ctorch_tensor *out) {
  return guard([&] {
    *out = wrap(at::scaled_dot_product_attention(query->value, key->value, value->value, optional(mask), 0.0, causal));
  });
}

ctorch_status ctorch_layer_norm(ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias, double epsilon,
                                ctorch_tensor *out) {
  return guard([&] {
    *out = wrap(at::layer_norm(a->value, weight->value.sizes(), weight->value, bias->value, epsilon));
  });
}

ctorch_status ctorch_embedding(ctorch_tensor table, ctorch_tensor indices, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::embedding(table->value, indices->value)); });
}

ctorch_status ctorch_conv2d(ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias, const int64_t *stride,
                            const int64_t *padding, int64_t groups, ctorch_tensor *out) {
  return guard([&] {
    *out = wrap(at::conv2d(a->value, weight->value, optional(bias), sizes(stride, 2), sizes(padding, 2), {1, 1}, groups));
  });
}

ctorch_status ctorch_zero_padded(ctorch_tensor a, const int64_t *margins, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::constant_pad_nd(a->value, sizes(margins, 4))); });
}

ctorch_status ctorch_channels_last(ctorch_tensor a, ctorch_tensor *out) {
  return guard([&] { *out = wrap(a->value.contiguous(at::MemoryFormat::ChannelsLast)); });
}

ctorch_status ctorch_max_pool2d(ctorch_tensor a, int64_t size, int64_t stride, int64_t padding, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::max_pool2d(a->value, {size, size}, {stride, stride}, {padding, padding})); });
}

ctorch_status ctorch_batch_norm(ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias, ctorch_tensor mean,
                                ctorch_tensor variance, double epsilon, ctorch_tensor *out) {
  return guard([&] {
    *out = wrap(at::batch_norm(a->value, weight->value, bias->value, mean->value, variance->value, false, 0.0, epsilon,
                               false));
  });
}

ctorch_status ctorch_batch_norm_own(ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias, double epsilon,
                                    ctorch_tensor *out, ctorch_tensor *mean, ctorch_tensor *variance) {
  return guard([&] {
    auto [normalized, center, scale] =
        at::native_batch_norm(a->value, weight->value, bias->value, {}, {}, true, 0.0, epsilon);
    auto spread = scale.detach().pow(-2).sub_(epsilon).clamp_min_(0);
    *out = wrap(normalized);
    *mean = wrap(center.detach());
    *variance = wrap(spread);
  });
}

ctorch_status ctorch_parts(ctorch_tensor a, ctorch_tensor theta, ctorch_tensor *out) {
  return guard([&] {
    auto pictures = a->value.to(theta->value.scalar_type());
    auto grid = at::affine_grid_generator(theta->value, pictures.sizes(), false);
    *out = wrap(at::grid_sampler_2d(pictures, grid, 0, 1, false));
  });
}

ctorch_status ctorch_upsample_bicubic(ctorch_tensor a, int64_t height, int64_t width, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::upsample_bicubic2d(a->value, {height, width}, false)); });
}

}  // extern "C"

#endif
