// Normal noise on tensors as large as a model, and how wide their numbers lie.
//
// Numbers come in blocks, each with a stream of its own, so that it does not matter which thread draws which. Within a
// block sixteen streams of xoshiro128++ (Blackman and Vigna, Scrambled linear pseudorandom number generators, 2021) run
// side by side, begun by SplitMix64, and two words give two numbers (Box and Muller, A note on the generation of random
// normal deviates, 1958):
//
//     (x, y) = √(−2 ln u) · (±cos φ, sin φ),   u ∈ (0, 1],   φ ∈ [−π/2, π/2)
//
// The functions are their series, cut off below the last bit of a float. All is plain arithmetic on vectors, never
// fused, so that every processor gives the same bits.

#include "InTurn.hpp"

#if __has_include(<ATen/ATen.h>)

#include <c10/core/GradMode.h>

#include <cstring>
#include <mutex>
#include <vector>

using namespace ctorch;

namespace {

using words = uint32_t __attribute__((ext_vector_type(16)));
using integers = int32_t __attribute__((ext_vector_type(16)));
using numbers = float __attribute__((ext_vector_type(16)));

/// Numbers of a block.
constexpr int64_t block_size = 4096;
constexpr uint64_t golden = 0x9e3779b97f4a7c15;

/// SplitMix64's mixer.
uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// The loader takes the version for the processor at hand.
#if defined(__x86_64__) && defined(__linux__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

/// The mean of some numbers and Σ (x − mean)².
struct Moments {
  double count, mean, squares;
};

FOR_EACH_PROCESSOR
void measure(const float *x, int64_t count, Moments *out) {
#pragma clang fp contract(off)
  auto whole = count - count % 16;
  numbers sums = 0, squares = 0, values;
  for (int64_t i = 0; i < whole; i += 16) {
    std::memcpy(&values, x + i, sizeof values);
    sums += values;
  }
  double mean = 0, square = 0;
  for (int lane = 0; lane < 16; lane++) mean += sums[lane];
  for (int64_t i = whole; i < count; i++) mean += x[i];
  mean /= static_cast<double>(count);
  auto shift = static_cast<float>(mean);
  for (int64_t i = 0; i < whole; i += 16) {
    std::memcpy(&values, x + i, sizeof values);
    values -= shift;
    squares += values * values;
  }
  for (int lane = 0; lane < 16; lane++) square += squares[lane];
  for (int64_t i = whole; i < count; i++) square += (x[i] - mean) * (x[i] - mean);
  *out = {static_cast<double>(count), mean, square};
}

FOR_EACH_PROCESSOR
void draw(uint64_t key, float *out) {
#pragma clang fp contract(off)
  words s[4];
  for (auto &state : s) {
    for (int lane = 0; lane < 16; lane += 2) {
      auto bits = mixed(key += golden);
      state[lane] = static_cast<uint32_t>(bits);
      state[lane + 1] = static_cast<uint32_t>(bits >> 32);
    }
  }
  for (int64_t i = 0; i < block_size; i += 32) {
    words drawn[2];
    for (auto &word : drawn) {
      auto sum = s[0] + s[3];
      word = ((sum << 7) | (sum >> 25)) + s[0];
      auto shifted = s[1] << 9;
      s[2] ^= s[0];
      s[3] ^= s[1];
      s[1] ^= s[2];
      s[0] ^= s[3];
      s[2] ^= shifted;
      s[3] = (s[3] << 11) | (s[3] >> 21);
    }
    auto u = (__builtin_convertvector((integers)(drawn[0] >> 1), numbers) + 0.5f) * 0x1p-31f;
    // u = 2ᵉ m with m from 2/3 to 4/3, and ln m = 2 artanh q.
    auto bits = (integers)u;
    auto exponent = (bits - 0x3f2aaaab) >> 23;
    auto m = (numbers)(bits - (exponent << 23));
    auto q = (m - 1) / (m + 1);
    auto p = q * q;
    auto logarithm = __builtin_convertvector(exponent, numbers) * 0.693147181f +
                     q * (2 + p * (2.f / 3 + p * (2.f / 5 + p * (2.f / 7 + p * (2.f / 9)))));
    auto radius = __builtin_elementwise_sqrt(-2 * logarithm);
    auto angle = __builtin_convertvector((integers)drawn[1], numbers) * (0x1p-32f * 3.14159265f);
    auto a = angle * angle;
    auto sine = 1 + a * (-1.f / 6 + a * (1.f / 120 + a * (-1.f / 5040 + a * (1.f / 362880 + a * (-1.f / 39916800)))));
    auto cosine = 1 + a * (-1.f / 2 + a * (1.f / 24 + a * (-1.f / 720 + a * (1.f / 40320 + a * (-1.f / 3628800 +
                                                                                            a * (1.f / 479001600))))));
    // The last bit of the second word, which the angle hardly feels, is the sign.
    auto x = (numbers)((words)(radius * cosine) ^ (drawn[1] << 31));
    auto y = radius * angle * sine;
    std::memcpy(out + i, &x, sizeof x);
    std::memcpy(out + i + 16, &y, sizeof y);
  }
}

}  // namespace

extern "C" {

ctorch_status ctorch_variance(ctorch_tensor a, int64_t correction, ctorch_tensor *out) {
  return guard([&] {
    const auto &x = a->value;
    auto is_plain = x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous() && x.numel() > block_size &&
                    correction < block_size && !(x.requires_grad() && c10::GradMode::is_enabled());
    if (!is_plain) {
      *out = wrap(at::var(x, std::nullopt, at::Scalar(correction), false));
      return;
    }
    // Block by block, and blocks in order, so that the number of threads does not matter; where libtorch takes one number
    // after the other. (Chan, Golub, LeVeque, Updating formulae and a pairwise algorithm for sample variances, 1979.)
    std::vector<Moments> blocks(static_cast<size_t>((x.numel() + block_size - 1) / block_size));
    const auto *from = x.const_data_ptr<float>();
    in_turn(static_cast<int64_t>(blocks.size()), [&](int64_t i, at::Tensor &) {
      auto start = i * block_size;
      measure(from + start, std::min(block_size, x.numel() - start), &blocks[static_cast<size_t>(i)]);
    });
    Moments all{0, 0, 0};
    for (const auto &block : blocks) {
      auto count = all.count + block.count, apart = block.mean - all.mean;
      all = {count, all.mean + apart * block.count / count,
             all.squares + block.squares + apart * apart * all.count * block.count / count};
    }
    *out = wrap(at::scalar_tensor(all.squares / (all.count - static_cast<double>(correction)), x.options()));
  });
}

ctorch_status ctorch_disturbed(ctorch_tensor a, double scale, ctorch_tensor width, ctorch_generator generator,
                               ctorch_tensor *out) {
  return guard([&] {
    c10::NoGradGuard quiet;
    uint64_t key;
    {
      std::lock_guard<std::mutex> lock(generator->value.mutex());
      key = at::check_generator<at::CPUGeneratorImpl>(generator->value)->random64();
    }
    const auto &base = a->value;
    // One pass; elsewhere the noise is made first.
    auto at_once = base.is_cpu() && base.scalar_type() == at::kFloat && base.is_contiguous();
    auto made = at::empty(base.sizes(), at::kFloat);
    auto count = made.numel();
    auto *target = made.mutable_data_ptr<float>();
    const auto *from = at_once ? base.const_data_ptr<float>() : nullptr;
    auto wide = at_once ? width->value.item<float>() : 1.f, factor = static_cast<float>(scale);
    in_turn((count + block_size - 1) / block_size, [&](int64_t block, at::Tensor &) {
#pragma clang fp contract(off)
      float drawn[block_size];
      draw(mixed(key ^ mixed(golden * static_cast<uint64_t>(block + 1))), drawn);
      auto start = block * block_size, length = std::min(block_size, count - start);
      for (int64_t i = 0; i < length; i++) {
        target[start + i] = from == nullptr ? drawn[i] : factor * from[start + i] + wide * drawn[i];
      }
    });
    *out = wrap(at_once ? made : base * scale + made.to(base.options()) * width->value);
  });
}

}  // extern "C"

#endif
