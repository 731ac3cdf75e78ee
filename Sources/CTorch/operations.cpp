// The operations: the lists of ctorch_ops.h expanded, and the irregular ones.

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

#include <c10/core/GradMode.h>

using namespace ctorch;

extern "C" {

#define CTORCH_DEFINE(name) \
  ctorch_status ctorch_##name(ctorch_tensor a, ctorch_tensor *out) { \
    return guard([&] { *out = wrap(at::name(a->value)); }); \
  }
CTORCH_UNARY(CTORCH_DEFINE)
#undef CTORCH_DEFINE

#define CTORCH_DEFINE(name) \
  ctorch_status ctorch_##name(ctorch_tensor a, ctorch_tensor b, ctorch_tensor *out) { \
    return guard([&] { *out = wrap(at::name(a->value, b->value)); }); \
  }
CTORCH_BINARY(CTORCH_DEFINE)
#undef CTORCH_DEFINE

#define CTORCH_DEFINE(name) \
  ctorch_status ctorch_##name##_scalar(ctorch_tensor a, double b, ctorch_tensor *out) { \
    return guard([&] { *out = wrap(at::name(a->value, at::Scalar(b))); }); \
  }
CTORCH_SCALAR(CTORCH_DEFINE)
#undef CTORCH_DEFINE

#define CTORCH_DEFINE(name) \
  ctorch_status ctorch_##name(ctorch_tensor a, const int64_t *dimensions, int32_t count, bool keep, \
                              ctorch_tensor *out) { \
    return guard([&] { *out = wrap(at::name(a->value, sizes(dimensions, count), keep)); }); \
  }
CTORCH_REDUCE(CTORCH_DEFINE)
#undef CTORCH_DEFINE

#define CTORCH_DEFINE(name) \
  ctorch_status ctorch_##name(ctorch_tensor a, int64_t dimension, ctorch_tensor *out) { \
    return guard([&] { *out = wrap(at::name(a->value, dimension)); }); \
  }
CTORCH_ALONG(CTORCH_DEFINE)
#undef CTORCH_DEFINE

ctorch_status ctorch_gelu(ctorch_tensor a, bool tanh_approximation, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::gelu(a->value, tanh_approximation ? "tanh" : "none")); });
}

ctorch_status ctorch_where(ctorch_tensor condition, ctorch_tensor a, ctorch_tensor b, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::where(condition->value, a->value, b->value)); });
}

ctorch_status ctorch_all(ctorch_tensor a, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::all(a->value)); });
}

ctorch_status ctorch_any(ctorch_tensor a, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::any(a->value)); });
}

ctorch_status ctorch_argmax(ctorch_tensor a, int64_t dimension, bool keep, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::argmax(a->value, dimension, keep)); });
}

ctorch_status ctorch_argsort(ctorch_tensor a, int64_t dimension, bool descending, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::argsort(a->value, true, dimension, descending)); });
}

ctorch_status ctorch_dot(ctorch_tensor a, ctorch_tensor b, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::dot(a->value, b->value)); });
}

ctorch_status ctorch_add_scaled(ctorch_tensor a, ctorch_tensor b, double scale, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::add(a->value, b->value, at::Scalar(scale))); });
}

ctorch_status ctorch_linear(ctorch_tensor input, ctorch_tensor weight, ctorch_tensor bias, ctorch_tensor *out) {
  return guard([&] {
    *out = wrap(bias == nullptr ? at::linear(input->value, weight->value)
                                : at::linear(input->value, weight->value, bias->value));
  });
}

ctorch_status ctorch_cross_entropy(ctorch_tensor logits, ctorch_tensor labels, ctorch_tensor weight, bool mean,
                                   ctorch_tensor *out) {
  return guard([&] {
    auto reduction = mean ? at::Reduction::Mean : at::Reduction::None;
    auto weights = weight == nullptr ? std::optional<at::Tensor>() : std::optional<at::Tensor>(weight->value);
    *out = wrap(at::cross_entropy_loss(logits->value, labels->value, weights, reduction));
  });
}

ctorch_status ctorch_binary_cross_entropy(ctorch_tensor logits, ctorch_tensor targets, bool mean, ctorch_tensor *out) {
  return guard([&] {
    auto reduction = mean ? at::Reduction::Mean : at::Reduction::None;
    *out = wrap(at::binary_cross_entropy_with_logits(logits->value, targets->value, {}, {}, reduction));
  });
}

ctorch_status ctorch_reshape(ctorch_tensor a, const int64_t *values, int32_t rank, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::reshape(a->value, sizes(values, rank))); });
}

ctorch_status ctorch_expand(ctorch_tensor a, const int64_t *values, int32_t rank, ctorch_tensor *out) {
  return guard([&] { *out = wrap(a->value.expand(sizes(values, rank))); });
}

ctorch_status ctorch_permute(ctorch_tensor a, const int64_t *dimensions, int32_t rank, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::permute(a->value, sizes(dimensions, rank))); });
}

ctorch_status ctorch_transpose(ctorch_tensor a, int64_t first, int64_t second, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::transpose(a->value, first, second)); });
}

ctorch_status ctorch_squeeze(ctorch_tensor a, int64_t dimension, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::squeeze(a->value, dimension)); });
}

ctorch_status ctorch_contiguous(ctorch_tensor a, ctorch_tensor *out) {
  return guard([&] { *out = wrap(a->value.contiguous()); });
}

ctorch_status ctorch_narrow(ctorch_tensor a, int64_t dimension, int64_t start, int64_t length, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::narrow(a->value, dimension, start, length)); });
}

ctorch_status ctorch_select(ctorch_tensor a, int64_t dimension, int64_t index, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::select(a->value, dimension, index)); });
}

ctorch_status ctorch_index_select(ctorch_tensor a, int64_t dimension, ctorch_tensor index, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::index_select(a->value, dimension, index->value)); });
}

ctorch_status ctorch_gather(ctorch_tensor a, int64_t dimension, ctorch_tensor index, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::gather(a->value, dimension, index->value)); });
}

ctorch_status ctorch_index_add(ctorch_tensor a, int64_t dimension, ctorch_tensor index, ctorch_tensor source,
                               ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::index_add(a->value, dimension, index->value, source->value)); });
}

ctorch_status ctorch_one_hot(ctorch_tensor a, int64_t classes, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::one_hot(a->value, classes)); });
}

ctorch_status ctorch_masked_fill(ctorch_tensor a, ctorch_tensor mask, double value, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::masked_fill(a->value, mask->value, at::Scalar(value))); });
}

ctorch_status ctorch_cat(const ctorch_tensor *tensors, int32_t count, int64_t dimension, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::cat(list(tensors, count), dimension)); });
}

ctorch_status ctorch_stack(const ctorch_tensor *tensors, int32_t count, int64_t dimension, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::stack(list(tensors, count), dimension)); });
}

ctorch_status ctorch_eigh(ctorch_tensor a, ctorch_tensor *values, ctorch_tensor *vectors) {
  return guard([&] {
    auto found = at::linalg_eigh(a->value, "L");
    *values = wrap(std::get<0>(found));
    *vectors = wrap(std::get<1>(found));
  });
}

ctorch_status ctorch_qr(ctorch_tensor a, ctorch_tensor *q, ctorch_tensor *r) {
  return guard([&] {
    auto found = at::linalg_qr(a->value, "reduced");
    *q = wrap(std::get<0>(found));
    *r = wrap(std::get<1>(found));
  });
}

ctorch_status ctorch_copy_into(ctorch_tensor target, ctorch_tensor source) {
  return guard([&] {
    c10::NoGradGuard quiet;
    target->value.copy_(source->value);
  });
}

ctorch_status ctorch_add_into(ctorch_tensor target, ctorch_tensor source, double scale) {
  return guard([&] {
    c10::NoGradGuard quiet;
    target->value.add_(source->value, at::Scalar(scale));
  });
}

ctorch_status ctorch_scale_into(ctorch_tensor target, double factor) {
  return guard([&] {
    c10::NoGradGuard quiet;
    target->value.mul_(at::Scalar(factor));
  });
}

ctorch_status ctorch_fill_into(ctorch_tensor target, double value) {
  return guard([&] {
    c10::NoGradGuard quiet;
    target->value.fill_(at::Scalar(value));
  });
}

}  // extern "C"

#endif
