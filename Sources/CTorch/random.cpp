// Random tensors, always from a generator and always drawn on the host, so that a seed means the same on every device.

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

using namespace ctorch;

extern "C" {

ctorch_status ctorch_generator_new(uint64_t seed, ctorch_generator *out) {
  return guard([&] { *out = new ctorch_generator_s{at::make_generator<at::CPUGeneratorImpl>(seed)}; });
}

void ctorch_generator_free(ctorch_generator generator) {
  guard([&] { delete generator; });
}

ctorch_status ctorch_normal(const int64_t *values, int32_t rank, int32_t type, ctorch_generator generator,
                            ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::randn(sizes(values, rank), generator->value, options(type, "cpu"))); });
}

ctorch_status ctorch_uniform(const int64_t *values, int32_t rank, double low, double high, int32_t type,
                             ctorch_generator generator, ctorch_tensor *out) {
  return guard([&] {
    auto drawn = at::empty(sizes(values, rank), options(type, "cpu"));
    drawn.uniform_(low, high, generator->value);
    *out = wrap(drawn);
  });
}

ctorch_status ctorch_bernoulli(const int64_t *values, int32_t rank, double probability, ctorch_generator generator,
                               ctorch_tensor *out) {
  return guard([&] {
    auto drawn = at::empty(sizes(values, rank), options(ctorch_bool, "cpu"));
    drawn.bernoulli_(probability, generator->value);
    *out = wrap(drawn);
  });
}

ctorch_status ctorch_randperm(int64_t count, ctorch_generator generator, ctorch_tensor *out) {
  return guard([&] { *out = wrap(at::randperm(count, generator->value, options(ctorch_int64, "cpu"))); });
}

}  // extern "C"

#endif
