#include "include/copenvino.h"

#include <openvino/c/openvino.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_inputs = 16 };

struct copenvino_model_s {
  ov_core_t *core;
  ov_model_t *model;
  ov_compiled_model_t *compiled;
  ov_infer_request_t *request;
  ov_tensor_t *output;
  ov_shape_t output_shape;
  size_t count;
  copenvino_type types[most_inputs];
  char *names[most_inputs];
};

static _Thread_local char failure[1024];

static copenvino_status fail(const char *step, ov_status_e status) {
  const char *said = ov_get_last_err_msg();
  if (!said || !*said) said = ov_get_error_info(status);
  snprintf(failure, sizeof failure, "%s: %s", step, said ? said : "no reason given");
  return 1;
}

const char *copenvino_error(void) { return failure; }

const char *copenvino_version(void) {
  static char words[128];
  ov_version_t version;
  if (!words[0] && ov_get_openvino_version(&version) == OK) {
    snprintf(words, sizeof words, "%s", version.buildNumber);
    ov_version_free(&version);
  }
  return words;
}

static copenvino_type type_of(ov_element_type_e type) {
  switch (type) {
    case F32: return COPENVINO_FLOAT32;
    case I64: return COPENVINO_INT64;
    case I32: return COPENVINO_INT32;
    case U8: return COPENVINO_UINT8;
    case BOOLEAN: return COPENVINO_BOOL;
    default: return COPENVINO_OTHER;
  }
}

static copenvino_status look(struct copenvino_model_s *model) {
  ov_status_e status = ov_compiled_model_inputs_size(model->compiled, &model->count);
  if (status != OK) return fail("inputs", status);
  if (model->count > most_inputs) {
    snprintf(failure, sizeof failure, "it has %zu inputs, at most %d are read", model->count, most_inputs);
    model->count = 0;
    return 1;
  }
  for (size_t index = 0; index < model->count; index++) {
    ov_output_const_port_t *port = NULL;
    if ((status = ov_compiled_model_input_by_index(model->compiled, index, &port)) != OK) return fail("inputs", status);
    ov_element_type_e type = DYNAMIC;
    char *name = NULL;
    status = ov_port_get_element_type(port, &type);
    model->types[index] = type_of(type);
    if (ov_port_get_any_name(port, &name) == OK && name) {
      model->names[index] = strdup(name);
      ov_free(name);
    }
    ov_output_const_port_free(port);
    if (status != OK) return fail("inputs", status);
  }
  return 0;
}

copenvino_status copenvino_load(const char *path, copenvino_model *out) {
  struct copenvino_model_s *model = calloc(1, sizeof *model);
  if (!model) {
    snprintf(failure, sizeof failure, "there is no memory");
    return 1;
  }
  ov_status_e status;
  copenvino_status failed = 0;
  if ((status = ov_core_create(&model->core)) != OK) {
    failed = fail("the runtime", status);
  } else if ((status = ov_core_read_model(model->core, path, NULL, &model->model)) != OK) {
    failed = fail("reading", status);
  } else if ((status = ov_core_compile_model(
                  // In float32: some processors would take fewer bits by default.
                  model->core, model->model, "CPU", 2, &model->compiled, "INFERENCE_PRECISION_HINT", "f32")) != OK) {
    failed = fail("compiling", status);
  } else if ((status = ov_compiled_model_create_infer_request(model->compiled, &model->request)) != OK) {
    failed = fail("compiling", status);
  } else {
    failed = look(model);
  }
  if (failed) {
    copenvino_free(model);
    return 1;
  }
  *out = model;
  return 0;
}

static void forget_output(struct copenvino_model_s *model) {
  if (model->output_shape.dims) ov_shape_free(&model->output_shape);
  model->output_shape.dims = NULL;
  if (model->output) ov_tensor_free(model->output);
  model->output = NULL;
}

void copenvino_free(copenvino_model model) {
  if (!model) return;
  forget_output(model);
  for (size_t index = 0; index < most_inputs; index++) free(model->names[index]);
  if (model->request) ov_infer_request_free(model->request);
  if (model->compiled) ov_compiled_model_free(model->compiled);
  if (model->model) ov_model_free(model->model);
  if (model->core) ov_core_free(model->core);
  free(model);
}

int64_t copenvino_input_count(copenvino_model model) { return (int64_t)model->count; }

copenvino_type copenvino_input_type(copenvino_model model, int64_t index) {
  return index < 0 || (size_t)index >= model->count ? COPENVINO_OTHER : model->types[index];
}

const char *copenvino_input_name(copenvino_model model, int64_t index) {
  return index < 0 || (size_t)index >= model->count || !model->names[index] ? "" : model->names[index];
}

static copenvino_status give(struct copenvino_model_s *model, size_t index, const copenvino_numbers *numbers) {
  static const ov_element_type_e types[] = {F32, I64, I32, DYNAMIC, U8, BOOLEAN};
  ov_shape_t shape = {0, NULL};
  ov_tensor_t *tensor = NULL;
  ov_status_e status = ov_shape_create(numbers->rank, numbers->dimensions, &shape);
  if (status == OK) {
    // The runtime reads what it is given and does not write there.
    status = ov_tensor_create_from_host_ptr(types[numbers->type], shape, (void *)numbers->values, &tensor);
    ov_shape_free(&shape);
  }
  if (status == OK) status = ov_infer_request_set_input_tensor_by_index(model->request, index, tensor);
  if (tensor) ov_tensor_free(tensor);
  return status == OK ? 0 : fail("its inputs", status);
}

copenvino_status copenvino_run(copenvino_model model, const copenvino_numbers *inputs, copenvino_numbers *output) {
  forget_output(model);
  for (size_t index = 0; index < model->count; index++) {
    if (give(model, index, &inputs[index])) return 1;
  }
  ov_status_e status = ov_infer_request_infer(model->request);
  if (status != OK) return fail("running", status);
  ov_element_type_e type = DYNAMIC;
  void *values = NULL;
  status = ov_infer_request_get_output_tensor_by_index(model->request, 0, &model->output);
  if (status == OK) status = ov_tensor_get_element_type(model->output, &type);
  if (status == OK) status = ov_tensor_get_shape(model->output, &model->output_shape);
  if (status == OK) status = ov_tensor_data(model->output, &values);
  if (status != OK) return fail("its output", status);
  output->type = type_of(type);
  output->rank = model->output_shape.rank;
  output->dimensions = model->output_shape.dims;
  output->values = values;
  return 0;
}
