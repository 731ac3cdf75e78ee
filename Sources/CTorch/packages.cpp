// Models that PyTorch compiled ahead of time (AOTInductor): machine code out of a file runs here.

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

using namespace ctorch;

struct ctorch_package_s {
  torch::inductor::AOTIModelPackageLoader loader;
};

extern "C" {

ctorch_status ctorch_package_load(const char *path, ctorch_package *out) {
  return guard([&] { *out = new ctorch_package_s{torch::inductor::AOTIModelPackageLoader(std::string(path))}; });
}

void ctorch_package_free(ctorch_package package) { delete package; }

ctorch_status ctorch_package_run(ctorch_package package, const ctorch_tensor *inputs, int32_t count,
                                 ctorch_tensor *out, int32_t capacity, int32_t *made) {
  int32_t wrapped = 0;
  const ctorch_status status = guard([&] {
    for (const at::Tensor &tensor : package->loader.run(list(inputs, count))) {
      if (wrapped == capacity) break;
      out[wrapped] = wrap(tensor);
      wrapped++;
    }
    *made = wrapped;
  });
  if (status != 0) {
    for (int32_t i = 0; i < wrapped; i++) ctorch_free(out[i]);
  }
  return status;
}

}  // extern "C"

#endif
