// libtorch behind a C ABI.
//
// Every function that can fail returns a status (0: done) and gives its result through the last argument; the sentence
// of a failure is read with ctorch_last_error on the same thread. No C++ exception crosses this boundary. A tensor is a
// handle that owns one reference and is freed with ctorch_free. Nothing here touches a tensor's `.grad`, and nothing
// draws from the global random generator.

#ifndef CTORCH_H
#define CTORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctorch_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ctorch_tensor_s *ctorch_tensor;
typedef struct ctorch_generator_s *ctorch_generator;
typedef struct ctorch_module_s *ctorch_module;
typedef struct ctorch_package_s *ctorch_package;
typedef struct ctorch_recording_s *ctorch_recording;
typedef struct ctorch_store_s *ctorch_store;
typedef struct ctorch_group_s *ctorch_group;
typedef int32_t ctorch_status;

/// Element types, by number.
enum {
  ctorch_float32 = 0, ctorch_float64 = 1, ctorch_float16 = 2, ctorch_bfloat16 = 3, ctorch_int64 = 4,
  ctorch_int32 = 5, ctorch_uint8 = 6, ctorch_bool = 7, ctorch_int16 = 8, ctorch_int8 = 9
};

// Failures, versions, devices, threads

/// The sentence of this thread's last failure; valid until the next call.
const char *ctorch_last_error(void);
const char *ctorch_version(void);
/// How many tensor handles exist in this process.
int64_t ctorch_live_tensors(void);
int32_t ctorch_threads(void);
void ctorch_set_threads(int32_t count);
bool ctorch_has_cuda(void);
bool ctorch_has_mps(void);
/// The name of a device that has registered itself with libtorch, or null.
const char *ctorch_other_device(void);
/// The widest vectors that libtorch's own loops use on this processor, as far as they are let: `AVX512`, `AVX2`, `DEFAULT` …
const char *ctorch_vectors(void);
/// Whether the processor multiplies bfloat16 numbers in hardware, and libtorch uses that.
bool ctorch_multiplies_bfloat16(void);

// Making, freeing, reading

void ctorch_free(ctorch_tensor tensor);
ctorch_status ctorch_full(const int64_t *sizes, int32_t rank, double value, int32_t type, const char *device,
                          ctorch_tensor *out);
ctorch_status ctorch_empty(const int64_t *sizes, int32_t rank, int32_t type, const char *device, ctorch_tensor *out);
ctorch_status ctorch_arange(int64_t start, int64_t end, const char *device, ctorch_tensor *out);
/// Copies `sizes` elements of `type` from host memory.
ctorch_status ctorch_from_bytes(const void *bytes, const int64_t *sizes, int32_t rank, int32_t type, const char *device,
                                ctorch_tensor *out);
/// Wraps host memory without copying; `release(context)` is called when the last tensor over it is gone.
ctorch_status ctorch_wrap(void *bytes, const int64_t *sizes, int32_t rank, int32_t type, void (*release)(void *),
                          void *context, ctorch_tensor *out);
/// Copies the elements, contiguous and in row-major order, to host memory of exactly `count` bytes.
ctorch_status ctorch_read(ctorch_tensor tensor, void *bytes, size_t count);
/// The value of a tensor of one element.
ctorch_status ctorch_item(ctorch_tensor tensor, double *out);
/// How often the tensor's memory has been written to, views of it included.
ctorch_status ctorch_changes(ctorch_tensor tensor, int64_t *out);
int32_t ctorch_rank(ctorch_tensor tensor);
void ctorch_sizes(ctorch_tensor tensor, int64_t *sizes);
int32_t ctorch_type(ctorch_tensor tensor);
bool ctorch_is_contiguous(ctorch_tensor tensor);
bool ctorch_shares_storage(ctorch_tensor a, ctorch_tensor b);
/// Writes the device's name ("cpu", "cuda:0") into `name`, at most `capacity` bytes with the final zero.
void ctorch_device(ctorch_tensor tensor, char *name, size_t capacity);
/// The same bytes as elements of another type.
ctorch_status ctorch_view_as(ctorch_tensor tensor, int32_t type, ctorch_tensor *out);
ctorch_status ctorch_to(ctorch_tensor tensor, int32_t type, const char *device, ctorch_tensor *out);

// Regular operations

#define CTORCH_DECLARE_UNARY(name) ctorch_status ctorch_##name(ctorch_tensor a, ctorch_tensor *out);
CTORCH_UNARY(CTORCH_DECLARE_UNARY)
#undef CTORCH_DECLARE_UNARY
#define CTORCH_DECLARE_BINARY(name) ctorch_status ctorch_##name(ctorch_tensor a, ctorch_tensor b, ctorch_tensor *out);
CTORCH_BINARY(CTORCH_DECLARE_BINARY)
#undef CTORCH_DECLARE_BINARY
#define CTORCH_DECLARE_SCALAR(name) ctorch_status ctorch_##name##_scalar(ctorch_tensor a, double b, ctorch_tensor *out);
CTORCH_SCALAR(CTORCH_DECLARE_SCALAR)
#undef CTORCH_DECLARE_SCALAR
#define CTORCH_DECLARE_REDUCE(name)                                                                        \
  ctorch_status ctorch_##name(ctorch_tensor a, const int64_t *dimensions, int32_t count, bool keep, ctorch_tensor *out);
CTORCH_REDUCE(CTORCH_DECLARE_REDUCE)
#undef CTORCH_DECLARE_REDUCE
#define CTORCH_DECLARE_ALONG(name) ctorch_status ctorch_##name(ctorch_tensor a, int64_t dimension, ctorch_tensor *out);
CTORCH_ALONG(CTORCH_DECLARE_ALONG)
#undef CTORCH_DECLARE_ALONG

// Irregular operations

ctorch_status ctorch_gelu(ctorch_tensor a, bool tanh_approximation, ctorch_tensor *out);
ctorch_status ctorch_where(ctorch_tensor condition, ctorch_tensor a, ctorch_tensor b, ctorch_tensor *out);
ctorch_status ctorch_all(ctorch_tensor a, ctorch_tensor *out);
ctorch_status ctorch_any(ctorch_tensor a, ctorch_tensor *out);
ctorch_status ctorch_argmax(ctorch_tensor a, int64_t dimension, bool keep, ctorch_tensor *out);
ctorch_status ctorch_argsort(ctorch_tensor a, int64_t dimension, bool descending, ctorch_tensor *out);
ctorch_status ctorch_variance(ctorch_tensor a, int64_t correction, ctorch_tensor *out);
ctorch_status ctorch_dot(ctorch_tensor a, ctorch_tensor b, ctorch_tensor *out);
/// a + scale · b
ctorch_status ctorch_add_scaled(ctorch_tensor a, ctorch_tensor b, double scale, ctorch_tensor *out);
/// input · weightᵀ + bias; bias may be null.
ctorch_status ctorch_linear(ctorch_tensor input, ctorch_tensor weight, ctorch_tensor bias, ctorch_tensor *out);
ctorch_status ctorch_cross_entropy(ctorch_tensor logits, ctorch_tensor labels, ctorch_tensor weight, bool mean,
                                   ctorch_tensor *out);
ctorch_status ctorch_binary_cross_entropy(ctorch_tensor logits, ctorch_tensor targets, bool mean, ctorch_tensor *out);

ctorch_status ctorch_reshape(ctorch_tensor a, const int64_t *sizes, int32_t rank, ctorch_tensor *out);
ctorch_status ctorch_expand(ctorch_tensor a, const int64_t *sizes, int32_t rank, ctorch_tensor *out);
ctorch_status ctorch_permute(ctorch_tensor a, const int64_t *dimensions, int32_t rank, ctorch_tensor *out);
ctorch_status ctorch_transpose(ctorch_tensor a, int64_t first, int64_t second, ctorch_tensor *out);
ctorch_status ctorch_squeeze(ctorch_tensor a, int64_t dimension, ctorch_tensor *out);
ctorch_status ctorch_contiguous(ctorch_tensor a, ctorch_tensor *out);
ctorch_status ctorch_narrow(ctorch_tensor a, int64_t dimension, int64_t start, int64_t length, ctorch_tensor *out);
ctorch_status ctorch_select(ctorch_tensor a, int64_t dimension, int64_t index, ctorch_tensor *out);
ctorch_status ctorch_index_select(ctorch_tensor a, int64_t dimension, ctorch_tensor index, ctorch_tensor *out);
ctorch_status ctorch_gather(ctorch_tensor a, int64_t dimension, ctorch_tensor index, ctorch_tensor *out);
ctorch_status ctorch_index_add(ctorch_tensor a, int64_t dimension, ctorch_tensor index, ctorch_tensor source,
                               ctorch_tensor *out);
ctorch_status ctorch_one_hot(ctorch_tensor a, int64_t classes, ctorch_tensor *out);
ctorch_status ctorch_masked_fill(ctorch_tensor a, ctorch_tensor mask, double value, ctorch_tensor *out);
ctorch_status ctorch_cat(const ctorch_tensor *tensors, int32_t count, int64_t dimension, ctorch_tensor *out);
ctorch_status ctorch_stack(const ctorch_tensor *tensors, int32_t count, int64_t dimension, ctorch_tensor *out);
ctorch_status ctorch_eigh(ctorch_tensor a, ctorch_tensor *values, ctorch_tensor *vectors);
ctorch_status ctorch_qr(ctorch_tensor a, ctorch_tensor *q, ctorch_tensor *r);

// In place

ctorch_status ctorch_copy_into(ctorch_tensor target, ctorch_tensor source);
/// target += scale · source
ctorch_status ctorch_add_into(ctorch_tensor target, ctorch_tensor source, double scale);
ctorch_status ctorch_scale_into(ctorch_tensor target, double factor);
ctorch_status ctorch_fill_into(ctorch_tensor target, double value);

// Gradients

ctorch_status ctorch_requires_grad(ctorch_tensor a, bool required);
bool ctorch_needs_grad(ctorch_tensor a);
bool ctorch_grad_enabled(void);
void ctorch_set_grad_enabled(bool enabled);
/// d(output)/d(inputs), one handle per input, null where the output does not depend on it.
ctorch_status ctorch_gradients(ctorch_tensor output, const ctorch_tensor *inputs, int32_t count, bool keep_graph,
                               bool create_graph, ctorch_tensor *out);

// Randomness, always from a generator

ctorch_status ctorch_generator_new(uint64_t seed, ctorch_generator *out);
void ctorch_generator_free(ctorch_generator generator);
ctorch_status ctorch_normal(const int64_t *sizes, int32_t rank, int32_t type, ctorch_generator generator,
                            ctorch_tensor *out);
/// scale · a + width · n, with n of the standard normal distribution, drawn for each element; `width` is one number.
/// The bits of n are the generator's alone, whatever the processor and its threads.
ctorch_status ctorch_disturbed(ctorch_tensor a, double scale, ctorch_tensor width, ctorch_generator generator,
                               ctorch_tensor *out);
ctorch_status ctorch_uniform(const int64_t *sizes, int32_t rank, double low, double high, int32_t type,
                             ctorch_generator generator, ctorch_tensor *out);
ctorch_status ctorch_bernoulli(const int64_t *sizes, int32_t rank, double probability, ctorch_generator generator,
                               ctorch_tensor *out);
ctorch_status ctorch_randperm(int64_t count, ctorch_generator generator, ctorch_tensor *out);

// Networks

/// softmax(query · keyᵀ / √width) · value, with [B, heads, L, width] each; the mask (boolean, true where to look, or
/// numbers to add) may be null.
ctorch_status ctorch_attention(ctorch_tensor query, ctorch_tensor key, ctorch_tensor value, ctorch_tensor mask,
                               bool causal, ctorch_tensor *out);
/// a weightᵀ + bias by what is fastest where no gradient is recorded; the bias may be null. `gelu`: 0 none, 1 exact, 2 by tanh.
ctorch_status ctorch_frozen_linear(ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias, int32_t gelu,
                                   ctorch_tensor *out);
/// Over the last dimensions, as many as `weight` has.
ctorch_status ctorch_layer_norm(ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias, double epsilon,
                                ctorch_tensor *out);
ctorch_status ctorch_embedding(ctorch_tensor table, ctorch_tensor indices, ctorch_tensor *out);
/// Pictures [B, channels, height, width]; `stride` and `padding` have two numbers; bias may be null.
ctorch_status ctorch_conv2d(ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias, const int64_t *stride,
                            const int64_t *padding, int64_t groups, ctorch_tensor *out);
/// Zeros around pictures; `margins` has four numbers: left, right, top, bottom.
ctorch_status ctorch_zero_padded(ctorch_tensor a, const int64_t *margins, ctorch_tensor *out);
/// [B, channels, height, width] with the channels of a place side by side in memory.
ctorch_status ctorch_channels_last(ctorch_tensor a, ctorch_tensor *out);
ctorch_status ctorch_max_pool2d(ctorch_tensor a, int64_t size, int64_t stride, int64_t padding, ctorch_tensor *out);
/// Each channel of [B, channels, …] by the mean and the variance that are given, then `weight` and `bias`.
ctorch_status ctorch_batch_norm(ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias, ctorch_tensor mean,
                                ctorch_tensor variance, double epsilon, ctorch_tensor *out);
/// The same by the batch's own mean and variance (over N, not N − 1), which are given too.
ctorch_status ctorch_batch_norm_own(ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias, double epsilon,
                                    ctorch_tensor *out, ctorch_tensor *mean, ctorch_tensor *variance);
ctorch_status ctorch_upsample_bicubic(ctorch_tensor a, int64_t height, int64_t width, ctorch_tensor *out);

/// The part of each picture [B, channels, height, width] that theta [B, 2, 3] maps the square −1…1 to, in the picture's size, by
/// linear interpolation; what lies outside is as at the edge.
ctorch_status ctorch_parts(ctorch_tensor a, ctorch_tensor theta, ctorch_tensor *out);

// Many at once

/// Calls body(i, context) for 0 <= i < count on libtorch's threads, each taking the next that nobody has taken. An
/// operation within is computed by one thread, and no gradient is recorded.
ctorch_status ctorch_in_turn(int64_t count, void (*body)(int64_t, void *), void *context);

/// targets[i] = biases[i] + the sum of the next terms[i] products lefts[j] × rights[j]; a bias is one row or null, and a
/// target that is null is made.
ctorch_status ctorch_products(ctorch_tensor *targets, const ctorch_tensor *biases, const ctorch_tensor *lefts,
                              const ctorch_tensor *rights, const int32_t *terms, int32_t count);

// Modules saved as TorchScript. Whoever loads one runs what its author wrote.

/// On the processor, as for prediction.
ctorch_status ctorch_module_load(const char *path, ctorch_module *out);
void ctorch_module_free(ctorch_module module);
/// The names of what `forward` takes, a line each, and how many of them it cannot do without; the names are valid until
/// this thread's next call of this or the next function.
ctorch_status ctorch_module_arguments(ctorch_module module, int32_t *required, const char **names);
/// Runs `forward` and gives the tensors in what it returns (a tensor, or a tuple, list or dict), at most `capacity`, with
/// a line each in `names`: a dict's key or a named tuple's field, else empty.
ctorch_status ctorch_module_forward(ctorch_module module, const ctorch_tensor *inputs, int32_t count,
                                    ctorch_tensor *out, int32_t capacity, int32_t *made, const char **names);

/// Writes a module whose buffers are `tensors`, whose methods `source` defines in TorchScript, and which holds `about` as the
/// file seesaw.json.
ctorch_status ctorch_module_write(const char *path, const char *source, const char *const *names,
                                  const ctorch_tensor *tensors, int32_t count, const char *about);

// Recordings: the operations that a thread asks for, in their order.

enum {
  ctorch_argument_none = 0, ctorch_argument_tensor = 1, ctorch_argument_tensors = 2, ctorch_argument_whole = 3,
  ctorch_argument_wholes = 4, ctorch_argument_number = 5, ctorch_argument_truth = 6, ctorch_argument_text = 7,
  ctorch_argument_device = 8, ctorch_argument_other = 9
};

/// What an operation was given. Tensors are numbers in `whole`, by the order in which they were met.
typedef struct ctorch_argument {
  int32_t kind;
  /// Whether it is given by name only.
  bool keyword;
  const char *name;
  int32_t count;
  const int64_t *whole;
  double number;
  const char *text;
} ctorch_argument;

/// Records what this thread asks for from here on; the inputs are the first tensors that were met.
ctorch_status ctorch_recording_begin(const ctorch_tensor *inputs, int32_t count);
ctorch_status ctorch_recording_end(ctorch_recording *out);
void ctorch_recording_free(ctorch_recording recording);
int64_t ctorch_recording_count(ctorch_recording recording);
/// An operation's name, such as aten::linear, with its outputs; one that is no tensor is -1.
const char *ctorch_recording_step(ctorch_recording recording, int64_t step, int32_t *arguments, const int64_t **outputs,
                                  int32_t *count);
ctorch_argument ctorch_recording_argument(ctorch_recording recording, int64_t step, int32_t place);
/// The number of a tensor; -1 where it was not met.
int64_t ctorch_recording_place(ctorch_recording recording, ctorch_tensor tensor);
ctorch_status ctorch_recording_tensor(ctorch_recording recording, int64_t place, ctorch_tensor *out);

// Packages that AOTInductor compiled. Whoever loads one runs its machine code.

ctorch_status ctorch_package_load(const char *path, ctorch_package *out);
void ctorch_package_free(ctorch_package package);
/// Runs the model and gives the tensors that it returns, at most `capacity`.
ctorch_status ctorch_package_run(ctorch_package package, const ctorch_tensor *inputs, int32_t count,
                                 ctorch_tensor *out, int32_t capacity, int32_t *made);

// Optimizer steps, in place, one pass. A gradient is gradients[i], or gradients[i] × rights[i] where that is not null.

/// `step` is a float tensor of rank 0 that holds the number of this step (from 1).
ctorch_status ctorch_adam_step(const ctorch_tensor *parameters, const ctorch_tensor *gradients,
                               const ctorch_tensor *rights, const ctorch_tensor *means, const ctorch_tensor *squares,
                               int32_t count, ctorch_tensor step, double learning_rate, double beta1, double beta2,
                               double weight_decay, double epsilon, bool decoupled);
/// `momentum_buffers` may be null.
ctorch_status ctorch_sgd_step(const ctorch_tensor *parameters, const ctorch_tensor *gradients,
                              const ctorch_tensor *rights, const ctorch_tensor *momentum_buffers, int32_t count,
                              double learning_rate, double momentum, double weight_decay, bool nesterov, bool first);

// Processes that compute together. All of a group call the same functions in the same order; each waits for the others, and
// fails where one is gone. Times are in milliseconds.

/// Where processes find each other: threads of one process, a file that all can write to, or a port that one of them serves.
ctorch_status ctorch_store_in_memory(ctorch_store *out);
ctorch_status ctorch_store_in_file(const char *path, int32_t count, int64_t timeout, ctorch_store *out);
ctorch_status ctorch_store_at(const char *host, int32_t port, bool serves, int32_t count, int64_t timeout,
                              ctorch_store *out);
void ctorch_store_free(ctorch_store store);
/// `name` tells groups apart that use one store. Connections are over the network interface, or the one that `address` is of,
/// or, where both are null, that of the machine's own name. Where `shares_memory`, processes of one machine exchange through its
/// memory what is summed and filled.
ctorch_status ctorch_group_join(ctorch_store store, const char *name, int32_t rank, int32_t count, const char *address,
                                const char *interface, int64_t timeout, bool shares_memory, ctorch_group *out);
void ctorch_group_free(ctorch_group group);
/// The sum over all processes, in place.
ctorch_status ctorch_group_sum(ctorch_group group, ctorch_tensor tensor);
/// Whether they share memory, which all of them answer alike.
bool ctorch_group_shares_memory(ctorch_group group);
/// Fills tensors, of each of which every process has its share of the rows: as many as any other, or one more, in order.
ctorch_status ctorch_group_fill(ctorch_group group, const ctorch_tensor *tensors, int32_t count);
/// Zeros in memory that all processes have in common; null, for all of them, where there is no room or they share none.
ctorch_status ctorch_group_zeros(ctorch_group group, int64_t count, int32_t type, ctorch_tensor *out);
/// The numbers of one process, in place.
ctorch_status ctorch_group_broadcast(ctorch_group group, ctorch_tensor tensor, int32_t root);
/// As `ctorch_batch_norm_own`, over the rows of all processes.
ctorch_status ctorch_batch_norm_over(ctorch_group group, ctorch_tensor a, ctorch_tensor weight, ctorch_tensor bias,
                                     double epsilon, ctorch_tensor *out, ctorch_tensor *mean, ctorch_tensor *variance);

#ifdef __cplusplus
}
#endif

#endif
