// Modules that PyTorch saved as TorchScript: the one place where code out of a file runs.

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

using namespace ctorch;

struct ctorch_module_s {
  torch::jit::Module value;
};

namespace {

/// What ctorch_module_arguments and ctorch_module_forward name, a line each; of this thread's last call.
thread_local std::string names;

void add_name(const std::string &name) {
  for (char letter : name) names += letter == '\n' ? ' ' : letter;
  names += '\n';
}

struct Results {
  ctorch_tensor *out;
  int32_t capacity;
  int32_t count = 0;

  void add(const std::string &name, const c10::IValue &value) {
    if (!value.isTensor() || !value.toTensor().defined() || count == capacity) return;
    add_name(name);
    out[count] = wrap(value.toTensor());
    count++;
  }
};

std::string field(const c10::IValue &tuple, size_t place) {
  const auto type = tuple.type()->cast<c10::TupleType>();
  const auto schema = type == nullptr ? nullptr : type->schema();
  return schema != nullptr && place < schema->arguments().size() ? schema->arguments()[place].name() : "";
}

void collect(const c10::IValue &value, Results &results) {
  if (value.isTensor()) {
    results.add("", value);
  } else if (value.isTuple()) {
    const auto &elements = value.toTupleRef().elements();
    for (size_t i = 0; i < elements.size(); i++) results.add(field(value, i), elements[i]);
  } else if (value.isList()) {
    for (const c10::IValue &element : value.toListRef()) results.add("", element);
  } else if (value.isGenericDict()) {
    for (const auto &entry : value.toGenericDict()) {
      results.add(entry.key().isString() ? entry.key().toStringRef() : "", entry.value());
    }
  } else {
    TORCH_CHECK(false, "forward gives neither a tensor nor a tuple, list or dict of tensors, but ", value.tagKind());
  }
}

}  // namespace

extern "C" {

ctorch_status ctorch_module_load(const char *path, ctorch_module *out) {
  return guard([&] {
    auto module = torch::jit::load(std::string(path), c10::Device(c10::kCPU));
    module.eval();
    *out = new ctorch_module_s{std::move(module)};
  });
}

void ctorch_module_free(ctorch_module module) { delete module; }

ctorch_status ctorch_module_arguments(ctorch_module module, int32_t *required, const char **found) {
  return guard([&] {
    const auto method = module->value.find_method("forward");
    TORCH_CHECK(method.has_value(), "the module has no method 'forward'");
    names.clear();
    *required = 0;
    const auto &arguments = method->function().getSchema().arguments();
    for (size_t i = 1; i < arguments.size(); i++) {
      add_name(arguments[i].name());
      if (!arguments[i].default_value().has_value()) *required = static_cast<int32_t>(i);
    }
    *found = names.c_str();
  });
}

ctorch_status ctorch_module_forward(ctorch_module module, const ctorch_tensor *inputs, int32_t count,
                                    ctorch_tensor *out, int32_t capacity, int32_t *made, const char **found) {
  Results results{out, capacity};
  const ctorch_status status = guard([&] {
    // The optimizing executor watches the first calls and then runs other code: rows would depend on what was before.
    const torch::jit::GraphOptimizerEnabledGuard plain(false);
    std::vector<c10::IValue> values;
    for (int32_t i = 0; i < count; i++) values.emplace_back(inputs[i]->value);
    const c10::IValue value = module->value.forward(std::move(values));
    names.clear();
    collect(value, results);
    *made = results.count;
    *found = names.c_str();
  });
  if (status != 0) {
    for (int32_t i = 0; i < results.count; i++) ctorch_free(out[i]);
  }
  return status;
}

}  // extern "C"

#endif
