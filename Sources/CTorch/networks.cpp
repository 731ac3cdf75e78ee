// What pretrained networks are made of besides matrix products: attention, normalization, convolution, pooling.

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

using namespace ctorch;

namespace {

std::optional<at::Tensor> optional(ctorch_tensor tensor) {
  return tensor == nullptr ? std::nullopt : std::optional<at::Tensor>(tensor->value);
}

}  // namespace

extern "C" {

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
                            const int64_t *padding, ctorch_tensor *out) {
  return guard([&] {
    *out = wrap(at::conv2d(a->value, weight->value, optional(bias), sizes(stride, 2), sizes(padding, 2)));
  });
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

ctorch_status ctorch_upsample_bicubic(ctorch_tensor a, int64_t height, int64_t width, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::upsample_bicubic2d(a->value, {height, width}, false)); });
}

}  // extern "C"

#endif
