// Memory that the processes of one machine share, for what they exchange in every step.
//
// Over the loopback interface a byte passes through the kernel twice and both sides wake up for it; here each writes what it has
// and reads what the others have. It is there on Linux, where all processes of a group see the same /dev/shm with room in it.

#pragma once

#include "Guard.hpp"

#if __has_include(<ATen/ATen.h>)

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace ctorch {

#if defined(__linux__)

/// Bytes that several processes have mapped. The name goes once all have opened it, so that nothing is left when they end.
class SharedBytes {
 public:
  /// Null where there is no room, or no such memory.
  static std::unique_ptr<SharedBytes> made(const std::string &name, size_t bytes) {
    auto file = ::shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0) return nullptr;
    auto found = std::unique_ptr<SharedBytes>(new SharedBytes(name, file));
    // Room is taken now: a page that is not there later would end the process.
    if (::posix_fallocate(file, 0, static_cast<off_t>(bytes)) != 0 || !found->map(bytes)) found = nullptr;
    return found;
  }

  /// Null where there is none of that name.
  static std::unique_ptr<SharedBytes> opened(const std::string &name, size_t bytes) {
    auto file = ::shm_open(name.c_str(), O_RDWR | O_CLOEXEC, 0600);
    if (file < 0) return nullptr;
    auto found = std::unique_ptr<SharedBytes>(new SharedBytes("", file));
    if (!found->map(bytes)) found = nullptr;
    return found;
  }

  SharedBytes(const SharedBytes &) = delete;
  SharedBytes &operator=(const SharedBytes &) = delete;

  ~SharedBytes() {
    forget_name();
    if (address_ != nullptr) ::munmap(address_, bytes_);
    ::close(file_);
  }

  void forget_name() {
    if (!name_.empty()) ::shm_unlink(name_.c_str());
    name_.clear();
  }

  char *address() const { return address_; }
  int file() const { return file_; }

 private:
  SharedBytes(std::string name, int file) : name_(std::move(name)), file_(file) {}

  bool map(size_t bytes) {
    auto *found = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
    if (found == MAP_FAILED) return false;
    address_ = static_cast<char *>(found);
    bytes_ = bytes;
    return true;
  }

  std::string name_;
  int file_;
  char *address_ = nullptr;
  size_t bytes_ = 0;
};

/// What the members of a group exchange through memory: sums, and rows of which each has some.
class SharedMemory {
 public:
  /// Whether every member says yes.
  using Vote = std::function<bool(bool)>;

  /// Null, in all members, where one of them does not see the others' memory.
  ///
  /// - token: of this group alone, the same in all.
  static std::unique_ptr<SharedMemory> shared(const std::string &token, int rank, int count,
                                              std::chrono::milliseconds timeout, const Vote &all) {
    if (static_cast<size_t>(count) > most_members) return nullptr;
    auto found = std::unique_ptr<SharedMemory>(new SharedMemory(token, rank, count, timeout));
    auto size = [&](int member) { return member == 0 ? found->bytes() : line; };
    auto own = SharedBytes::made(found->name(rank), size(rank));
    // Held for as long as the process lives, however it ends: whoever gets it knows that the other is gone.
    if (!all(own != nullptr && ::flock(own->file(), LOCK_EX | LOCK_NB) == 0)) return nullptr;
    bool complete = true;
    for (int member = 0; member < count; member++) {
      found->members_.push_back(member == rank ? std::move(own) : SharedBytes::opened(found->name(member), size(member)));
      complete = complete && found->members_.back() != nullptr;
    }
    if (!all(complete)) return nullptr;
    found->members_[static_cast<size_t>(rank)]->forget_name();
    return found;
  }

  /// Whether sums of such numbers can be taken.
  static bool sums(const at::Tensor &tensor) {
    return tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble ||
           tensor.scalar_type() == at::kLong;
  }

  /// The sum over all members in a tensor's place, added in their order and so the same bits in each.
  void sum(at::Tensor &tensor) {
    switch (tensor.scalar_type()) {
      case at::kFloat: return sum(tensor.data_ptr<float>(), tensor.numel());
      case at::kDouble: return sum(tensor.data_ptr<double>(), tensor.numel());
      default: return sum(tensor.data_ptr<int64_t>(), tensor.numel());
    }
  }

  /// A run of bytes that one member has and all want.
  struct Piece {
    char *place;
    size_t bytes;
  };

  /// Fills every member's pieces with what it has in them.
  void fill(const std::vector<std::vector<Piece>> &pieces) {
    size_t longest = 0;
    for (const auto &own : pieces) {
      size_t length = 0;
      for (const auto &piece : own) length += piece.bytes;
      longest = std::max(longest, length);
    }
    for (size_t start = 0; start < longest; start += slot_bytes) {
      auto half = turn();
      over(pieces[static_cast<size_t>(rank_)], start, [&](char *place, size_t offset, size_t bytes) {
        std::memcpy(slot(half, rank_) + offset, place, bytes);
      });
      meet();
      for (int member = 0; member < count_; member++) {
        if (member == rank_) continue;
        over(pieces[static_cast<size_t>(member)], start, [&](char *place, size_t offset, size_t bytes) {
          std::memcpy(place, slot(half, member) + offset, bytes);
        });
      }
    }
  }

  /// Zeros that all members have mapped; undefined, in all members, where there is no room.
  at::Tensor zeros(int64_t count, at::ScalarType type) {
    auto bytes = static_cast<size_t>(count) * c10::elementSize(type);
    auto name = "/seesaw-" + token_ + "-kept-" + std::to_string(kept_++);
    auto all = [&](bool is_so) {
      int64_t votes = is_so ? 1 : 0;
      sum(&votes, 1);
      return votes == count_;
    };
    std::shared_ptr<SharedBytes> found;
    if (rank_ == 0) found = SharedBytes::made(name, bytes);
    if (!all(rank_ != 0 || found != nullptr)) return {};
    if (rank_ != 0) found = SharedBytes::opened(name, bytes);
    if (!all(found != nullptr)) return {};
    found->forget_name();
    return at::from_blob(found->address(), {count}, [found](void *) {}, at::TensorOptions().dtype(type));
  }

 private:
  /// A line of the processor's cache for each member's count, and more than any computer has processes.
  static constexpr size_t line = 128, most_members = 512, header = line * most_members;
  /// What a member writes before all wait: small enough to stay in a core's cache.
  static constexpr size_t slot_bytes = 1 << 20;

  SharedMemory(std::string token, int rank, int count, std::chrono::milliseconds timeout)
      : token_(std::move(token)), rank_(rank), count_(count), timeout_(timeout) {}

  std::string name(int member) const { return "/seesaw-" + token_ + "-" + std::to_string(member); }
  size_t bytes() const { return header + 2 * static_cast<size_t>(count_) * slot_bytes; }

  /// How often a member has come.
  std::atomic<uint64_t> &arrivals(int member) const {
    static_assert(std::atomic<uint64_t>::is_always_lock_free);
    return *reinterpret_cast<std::atomic<uint64_t> *>(members_[0]->address() + static_cast<size_t>(member) * line);
  }

  char *slot(int half, int member) const {
    return members_[0]->address() + header + static_cast<size_t>(half * count_ + member) * slot_bytes;
  }

  /// Exchanges take the halves of the memory in turn: when a member writes to one again, all have come once more since they
  /// read it.
  int turn() { return static_cast<int>(turns_++ % 2); }

  /// Calls work(place, offset in the slot, bytes) for the part of some pieces, laid in a row, that begins at `start`.
  template <typename Work>
  static void over(const std::vector<Piece> &pieces, size_t start, const Work &work) {
    size_t before = 0;
    for (const auto &piece : pieces) {
      auto low = std::max(before, start), high = std::min(before + piece.bytes, start + slot_bytes);
      if (low < high) work(piece.place + (low - before), low - start, high - low);
      before += piece.bytes;
    }
  }

  template <typename Number>
  void sum(Number *numbers, int64_t count) {
    constexpr int64_t most = slot_bytes / sizeof(Number);
    for (int64_t start = 0; start < count; start += most) {
      auto length = std::min(most, count - start);
      auto half = turn();
      auto from = [&](int member) { return reinterpret_cast<Number *>(slot(half, member)); };
      std::memcpy(from(rank_), numbers + start, static_cast<size_t>(length) * sizeof(Number));
      meet();
      if (count_ <= 2 || length < 4096) {
        add(numbers + start, from, 0, length);
        continue;
      }
      // Each adds up a part, and takes the others' parts from them.
      auto cut = [&](int member) { return length * member / count_; };
      add(from(rank_) + cut(rank_), from, cut(rank_), cut(rank_ + 1) - cut(rank_));
      meet();
      for (int member = 0; member < count_; member++) {
        std::memcpy(numbers + start + cut(member), from(member) + cut(member),
                    static_cast<size_t>(cut(member + 1) - cut(member)) * sizeof(Number));
      }
    }
  }

  /// target[i] ← Σ from(member)[offset + i], in the members' order; a target may be one of them.
  template <typename Number, typename From>
  void add(Number *target, const From &from, int64_t offset, int64_t length) const {
    for (int64_t i = 0; i < length; i++) {
      auto sum = from(0)[offset + i];
      for (int member = 1; member < count_; member++) sum += from(member)[offset + i];
      target[i] = sum;
    }
  }

  /// Waits until all have come as often as this one.
  void meet() {
    auto own = ++meetings_;
    arrivals(rank_).store(own, std::memory_order_release);
    for (int member = 0; member < count_; member++) {
      if (member != rank_) wait(member, own);
    }
  }

  void wait(int member, uint64_t own) const {
    auto &theirs = arrivals(member);
    auto here = [&] { return theirs.load(std::memory_order_acquire) >= own; };
    for (int i = 0; i < 1000; i++) {
      if (here()) return;
      pause();
    }
    // What others have to do on this core may be what is waited for.
    using clock = std::chrono::steady_clock;
    auto begun = clock::now();
    auto asked = begun;
    while (!here()) {
      auto now = clock::now();
      if (now - begun < std::chrono::milliseconds(2)) {
        ::sched_yield();
        continue;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(now - begun < std::chrono::milliseconds(50) ? 50 : 500));
      if (now - asked < std::chrono::milliseconds(100)) continue;
      asked = now;
      auto file = members_[static_cast<size_t>(member)]->file();
      if (::flock(file, LOCK_SH | LOCK_NB) == 0) {
        ::flock(file, LOCK_UN);
        TORCH_CHECK(here(), "process ", member, " is gone");
      }
      TORCH_CHECK(here() || now - begun < timeout_, "process ", member, " did not come within ",
                  std::chrono::duration_cast<std::chrono::seconds>(timeout_).count(), " s");
    }
  }

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::string token_;
  int rank_, count_;
  std::chrono::milliseconds timeout_;
  /// Of each member; that of the first has the memory behind its header.
  std::vector<std::unique_ptr<SharedBytes>> members_;
  uint64_t meetings_ = 0, turns_ = 0, kept_ = 0;
};

#else

/// There is none on this system.
class SharedMemory {
 public:
  using Vote = std::function<bool(bool)>;
  struct Piece {
    char *place;
    size_t bytes;
  };
  static std::unique_ptr<SharedMemory> shared(const std::string &, int, int, std::chrono::milliseconds, const Vote &) {
    return nullptr;
  }
  static bool sums(const at::Tensor &) { return false; }
  void sum(at::Tensor &) {}
  void fill(const std::vector<std::vector<Piece>> &) {}
  at::Tensor zeros(int64_t, at::ScalarType) { return {}; }
};

#endif

}  // namespace ctorch

#endif
