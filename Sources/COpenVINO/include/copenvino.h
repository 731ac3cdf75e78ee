// ONNX models, run by OpenVINO on the processor, over OpenVINO's C interface.
//
// What fails returns 1 and leaves a sentence in copenvino_error() of the same thread. A model is of one thread at a time.

#ifndef COPENVINO_H
#define COPENVINO_H

#include <stdint.h>

typedef struct copenvino_model_s *copenvino_model;
typedef int32_t copenvino_status;

typedef enum copenvino_type {
  COPENVINO_FLOAT32 = 0,
  COPENVINO_INT64 = 1,
  COPENVINO_INT32 = 2,
  COPENVINO_OTHER = 3,
  COPENVINO_UINT8 = 4,
  /// A byte each, 0 or 1.
  COPENVINO_BOOL = 5,
} copenvino_type;

/// Numbers in row-major order; `dimensions` has `rank` of them.
typedef struct copenvino_numbers {
  copenvino_type type;
  int64_t rank;
  const int64_t *dimensions;
  const void *values;
} copenvino_numbers;

const char *copenvino_error(void);
/// The runtime's version.
const char *copenvino_version(void);

copenvino_status copenvino_load(const char *path, copenvino_model *model);
void copenvino_free(copenvino_model model);

int64_t copenvino_input_count(copenvino_model model);
/// What an input wants to be given.
copenvino_type copenvino_input_type(copenvino_model model, int64_t index);
/// Its name; empty where it has none.
const char *copenvino_input_name(copenvino_model model, int64_t index);

/// Runs the model on as many inputs as it has. Its first output stays until the next call, or the model's end.
copenvino_status copenvino_run(copenvino_model model, const copenvino_numbers *inputs, copenvino_numbers *output);

#endif
