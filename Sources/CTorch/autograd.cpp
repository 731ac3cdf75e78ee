// Gradients as values.

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

#include <torch/csrc/autograd/autograd.h>

using namespace ctorch;

extern "C" {

ctorch_status ctorch_requires_grad(ctorch_tensor a, bool required) {
  return guard([&] { a->value.requires_grad_(required); });
}

bool ctorch_needs_grad(ctorch_tensor a) { return a->value.requires_grad(); }

bool ctorch_grad_enabled(void) { return at::GradMode::is_enabled(); }

void ctorch_set_grad_enabled(bool enabled) { at::GradMode::set_enabled(enabled); }

ctorch_status ctorch_gradients(ctorch_tensor output, const ctorch_tensor *inputs, int32_t count, bool keep_graph,
                               bool create_graph, ctorch_tensor *out) {
  return guard([&] {
    auto found = torch::autograd::grad({output->value}, list(inputs, count), {}, keep_graph, create_graph, true);
    for (size_t i = 0; i < found.size(); i++) out[i] = found[i].defined() ? wrap(found[i]) : nullptr;
  });
}

}  // extern "C"

#endif
