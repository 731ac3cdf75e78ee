// What a computation asks libtorch for: its operations in their order, with everything they were given.

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

#include <ATen/record_function.h>
#include <torch/csrc/jit/api/module.h>

#include <deque>
#include <memory>
#include <unordered_map>

using namespace ctorch;

namespace {

struct Argument {
  std::string name;
  bool keyword = false;
  int32_t kind = ctorch_argument_none;
  std::vector<int64_t> whole;
  std::vector<double> numbers;
  std::string text;
};

struct Step {
  std::string name;
  std::deque<Argument> arguments;
  std::vector<int64_t> outputs;
};

}  // namespace

struct ctorch_recording_s {
  std::deque<Step> steps;
  /// Kept, so that no other tensor takes the place of one that is gone.
  std::vector<at::Tensor> tensors;
  std::unordered_map<const c10::TensorImpl *, int64_t> places;
  /// Of operations within operations only the outermost counts.
  int depth = 0;
  /// What could not be written down; empty where all was. A callback's exceptions are lost otherwise.
  std::string fault;
  at::CallbackHandle callback = at::INVALID_CALLBACK_HANDLE;

  int64_t place(const at::Tensor &tensor) {
    const auto [found, isNew] = places.try_emplace(tensor.unsafeGetTensorImpl(), static_cast<int64_t>(tensors.size()));
    if (isNew) tensors.push_back(tensor);
    return found->second;
  }

  void read(const c10::IValue &value, Argument &argument) {
    if (value.isNone() || (value.isTensor() && !value.toTensor().defined())) return;
    if (value.isTensor()) {
      argument.kind = ctorch_argument_tensor;
      argument.whole = {place(value.toTensor())};
    } else if (value.isTensorList()) {
      argument.kind = ctorch_argument_tensors;
      for (const at::Tensor &tensor : value.toTensorVector()) argument.whole.push_back(place(tensor));
    } else if (value.isInt()) {
      argument.kind = ctorch_argument_whole;
      argument.whole = {value.toInt()};
    } else if (value.isIntList()) {
      argument.kind = ctorch_argument_wholes;
      argument.whole = value.toIntVector();
    } else if (value.isDouble()) {
      argument.kind = ctorch_argument_number;
      argument.numbers = {value.toDouble()};
    } else if (value.isBool()) {
      argument.kind = ctorch_argument_truth;
      argument.whole = {value.toBool() ? 1 : 0};
    } else if (value.isString()) {
      argument.kind = ctorch_argument_text;
      argument.text = value.toStringRef();
    } else if (value.isDevice()) {
      argument.kind = ctorch_argument_device;
      argument.text = value.toDevice().str();
    } else {
      argument.kind = ctorch_argument_other;
      argument.text = value.tagKind();
    }
  }
};

namespace {

thread_local ctorch_recording current = nullptr;

template <typename Body>
void noting(Body &&body) noexcept {
  try {
    body();
  } catch (const std::exception &error) {
    if (current->fault.empty()) current->fault = error.what();
  }
}

std::unique_ptr<at::ObserverContext> begins(const at::RecordFunction &function) {
  if (current == nullptr || ++current->depth != 1) return nullptr;
  current->steps.emplace_back();
  noting([&] {
    Step &step = current->steps.back();
    step.name = function.name();
    const auto schema = function.operator_schema();
    const auto inputs = function.inputs();
    for (size_t i = 0; i < inputs.size(); i++) {
      Argument argument;
      if (schema.has_value() && i < schema->arguments().size()) {
        argument.name = schema->arguments()[i].name();
        argument.keyword = schema->arguments()[i].kwarg_only();
      }
      current->read(inputs[i], argument);
      step.arguments.push_back(std::move(argument));
    }
  });
  return nullptr;
}

void ends(const at::RecordFunction &function, at::ObserverContext *) {
  // What began before the recording ends in it.
  if (current == nullptr || current->depth == 0 || --current->depth != 0) return;
  noting([&] {
    for (const c10::IValue &value : function.outputs()) {
      Argument argument;
      current->read(value, argument);
      const bool isTensors = argument.kind == ctorch_argument_tensor || argument.kind == ctorch_argument_tensors;
      for (int64_t place : isTensors ? argument.whole : std::vector<int64_t>{-1}) {
        current->steps.back().outputs.push_back(place);
      }
    }
  });
}

}  // namespace

extern "C" {

ctorch_status ctorch_recording_begin(const ctorch_tensor *inputs, int32_t count) {
  return guard([&] {
    TORCH_CHECK(current == nullptr, "a computation is being recorded on this thread");
    auto recording = std::make_unique<ctorch_recording_s>();
    for (int32_t i = 0; i < count; i++) recording->place(inputs[i]->value);
    recording->callback = at::addThreadLocalCallback(
        at::RecordFunctionCallback(begins, ends).needsInputs(true).needsOutputs(true).scopes(
            {at::RecordScope::FUNCTION}));
    current = recording.release();
  });
}

ctorch_status ctorch_recording_end(ctorch_recording *out) {
  return guard([&] {
    TORCH_CHECK(current != nullptr, "no computation is being recorded on this thread");
    std::unique_ptr<ctorch_recording_s> recording(current);
    current = nullptr;
    at::removeCallback(recording->callback);
    TORCH_CHECK(recording->fault.empty(), recording->fault);
    *out = recording.release();
  });
}

void ctorch_recording_free(ctorch_recording recording) { delete recording; }

int64_t ctorch_recording_count(ctorch_recording recording) { return static_cast<int64_t>(recording->steps.size()); }

const char *ctorch_recording_step(ctorch_recording recording, int64_t step, int32_t *arguments, const int64_t **outputs,
                                  int32_t *count) {
  const Step &found = recording->steps[static_cast<size_t>(step)];
  *arguments = static_cast<int32_t>(found.arguments.size());
  *outputs = found.outputs.data();
  *count = static_cast<int32_t>(found.outputs.size());
  return found.name.c_str();
}

ctorch_argument ctorch_recording_argument(ctorch_recording recording, int64_t step, int32_t place) {
  const Argument &found = recording->steps[static_cast<size_t>(step)].arguments[static_cast<size_t>(place)];
  return ctorch_argument{found.kind,
                         found.keyword,
                         found.name.c_str(),
                         static_cast<int32_t>(found.whole.size()),
                         found.whole.data(),
                         found.numbers.empty() ? 0 : found.numbers[0],
                         found.text.c_str()};
}

int64_t ctorch_recording_place(ctorch_recording recording, ctorch_tensor tensor) {
  const auto found = recording->places.find(tensor->value.unsafeGetTensorImpl());
  return found == recording->places.end() ? -1 : found->second;
}

ctorch_status ctorch_recording_tensor(ctorch_recording recording, int64_t place, ctorch_tensor *out) {
  return guard([&] { *out = wrap(recording->tensors.at(static_cast<size_t>(place)).detach()); });
}

ctorch_status ctorch_module_write(const char *path, const char *source, const char *const *names,
                                  const ctorch_tensor *tensors, int32_t count, const char *about) {
  return guard([&] {
    torch::jit::Module module("__torch__.seesaw.Model");
    for (int32_t i = 0; i < count; i++) {
      module.register_buffer(names[i], tensors[i]->value.detach().clone(at::MemoryFormat::Contiguous));
    }
    module.define(source);
    module.eval();
    module.save(path, {{"seesaw.json", about}});
  });
}

}  // extern "C"

#endif
