// Work that libtorch's threads take in turn.

#pragma once

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <atomic>

namespace ctorch {

/// Calls work(i, scratch) for 0 ≤ i < count on all threads, each taking the next that nobody has taken; the scratch
/// tensor is the thread's own.
template <typename Work>
void in_turn(int64_t count, const Work &work) {
  std::atomic<int64_t> next{0};
  auto threads = std::min<int64_t>(at::get_num_threads(), count);
  auto take_turns = [&](char **, const int64_t *, int64_t, int64_t) {
    // Blocks are written through views that no graph has to hear of.
    at::AutoDispatchBelowADInplaceOrView quiet;
    at::Tensor scratch;
    for (int64_t i = next++; i < count; i = next++) work(i, scratch);
  };
  // The threads are libtorch's own, and only code inside it can start them: an iteration over one byte for each.
  auto places = at::empty({threads}, at::kByte);
  at::TensorIterator::nullary_op(places).for_each(take_turns, 1);
}

}  // namespace ctorch

#endif
