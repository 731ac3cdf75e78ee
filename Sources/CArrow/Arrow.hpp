// What every file of the shim shares: the handles, and the one place where exceptions end.

#pragma once

#if !__has_include(<arrow/api.h>)
#error "Arrow was not found: run 'make arrow', or set ARROW to a folder that holds include/ and lib/"
#endif

#include <arrow/api.h>
#include <arrow/io/api.h>

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "carrow.h"

struct carrow_array_s {
  std::shared_ptr<arrow::Array> array;
  int64_t held = 0;
};

namespace carrow {

extern thread_local std::string last_error;

inline carrow_status fail(const std::string &sentence) noexcept {
  try {
    last_error = sentence.substr(0, 2000);
  } catch (...) {
  }
  return 1;
}

struct Failure : std::exception {
  explicit Failure(std::string sentence) : sentence(std::move(sentence)) {}
  const char *what() const noexcept override { return sentence.c_str(); }
  std::string sentence;
};

inline void check(const arrow::Status &status) {
  if (!status.ok()) throw Failure(status.message());
}

template <typename Value>
Value take(arrow::Result<Value> result) {
  check(result.status());
  return std::move(result).ValueUnsafe();
}

/// Runs `body`; whatever it throws becomes a status and a sentence.
template <typename Body>
carrow_status guard(Body &&body) noexcept {
  try {
    body();
    return 0;
  } catch (const std::bad_alloc &) {
    return fail("out of memory");
  } catch (const std::exception &error) {
    return fail(error.what());
  } catch (...) {
    return fail("an unknown C++ exception");
  }
}

/// The array that values are in: without extension types, which only say what storage means.
std::shared_ptr<arrow::Array> plain(std::shared_ptr<arrow::Array> array);

inline carrow_array wrap(std::shared_ptr<arrow::Array> array, int64_t held = 0) {
  return new carrow_array_s{plain(std::move(array)), held};
}

}  // namespace carrow
