// Many matrix products at once, and optimizer steps whose gradients are such products.
//
// A product is cut into blocks and each is computed by one thread, so that neither one product's shape nor its threads'
// meeting at its end decides how busy the processor is. How it is cut depends on the shapes and the number of threads
// alone, and so do the bits of what comes out.

#include "InTurn.hpp"

#if __has_include(<ATen/ATen.h>)

#include <c10/core/GradMode.h>

using namespace ctorch;

namespace {

/// Multiplications of a block: enough that packing its operands does not count; fewer where an optimizer's step follows
/// while the block is in the cache.
constexpr int64_t block_work = 40'000'000, step_work = 22'000'000;
/// Fewer are not worth a thread's waking.
constexpr int64_t least_work = 1'000'000;
/// Numbers of a block that is only moved.
constexpr int64_t block_numbers = 1 << 16;

/// How many parts a length is cut into for blocks of about the right size.
int64_t parts(int64_t length, int64_t work, int64_t products, int64_t size) {
  auto busy = 2 * at::get_num_threads() / std::max<int64_t>(products, 1);
  auto count = std::max((work + size / 2) / size, std::min<int64_t>(busy, work / least_work));
  return std::clamp<int64_t>(count, 1, std::max<int64_t>(length / 16, 1));
}

/// The cuts of a length into so many parts, at multiples of 16 where it can be.
std::vector<std::pair<int64_t, int64_t>> cut(int64_t length, int64_t count) {
  auto size = (length + count - 1) / count;
  if (count > 1) size = (size + 15) / 16 * 16;
  std::vector<std::pair<int64_t, int64_t>> cuts;
  for (int64_t start = 0; start < length; start += size) cuts.emplace_back(start, std::min(size, length - start));
  return cuts;
}

/// Some rows or columns of a matrix; itself where they are all, since a view costs as much as a small product.
at::Tensor part(const at::Tensor &whole, int64_t dimension, int64_t start, int64_t length) {
  return length == whole.size(dimension) ? whole : whole.narrow(dimension, start, length);
}

struct Product {
  at::Tensor target, bias;
  std::vector<std::pair<at::Tensor, at::Tensor>> terms;

  void compute(const at::Tensor &into, int64_t row, int64_t rows, int64_t column, int64_t columns) const {
    bool first = true;
    for (const auto &[a, b] : terms) {
      auto left = part(a, 0, row, rows), right = part(b, 1, column, columns);
      auto place = into;
      if (!first) {
        place.addmm_(left, right);
      } else if (bias.defined()) {
        at::addmm_out(place, part(bias, bias.dim() - 1, column, columns), left, right);
      } else {
        at::mm_out(place, left, right);
      }
      first = false;
    }
  }

  int64_t work() const {
    int64_t sum = 0;
    for (const auto &[a, b] : terms) sum += a.size(0) * a.size(1) * b.size(1);
    return sum;
  }
};

struct Block {
  size_t product;
  int64_t row, rows, column, columns;
};

void compute(const std::vector<Product> &products) {
  auto on_processor = std::all_of(products.begin(), products.end(), [](const Product &p) {
    return p.target.is_cpu();
  });
  if (!on_processor) {
    c10::NoGradGuard quiet;
    for (const auto &p : products) p.compute(p.target, 0, p.target.size(0), 0, p.target.size(1));
    return;
  }
  std::vector<Block> blocks;
  for (size_t i = 0; i < products.size(); i++) {
    const auto &p = products[i];
    auto rows = p.target.size(0), columns = p.target.size(1);
    if (rows == 0 || columns == 0) continue;
    auto count = parts(std::max(rows, columns), p.work(), static_cast<int64_t>(products.size()), block_work);
    if (columns >= rows) {
      for (auto [start, length] : cut(columns, count)) blocks.push_back({i, 0, rows, start, length});
    } else {
      for (auto [start, length] : cut(rows, count)) blocks.push_back({i, start, length, 0, columns});
    }
  }
  in_turn(static_cast<int64_t>(blocks.size()), [&](int64_t i, at::Tensor &) {
    const auto &b = blocks[static_cast<size_t>(i)];
    const auto &p = products[b.product];
    p.compute(part(part(p.target, 0, b.row, b.rows), 1, b.column, b.columns), b.row, b.rows, b.column, b.columns);
  });
}

/// A parameter on its way along a gradient that is there, or that is left · right.
struct Move {
  at::Tensor value, gradient, left, right;
  /// What the optimizer remembers of the parameter, in its shape.
  std::vector<at::Tensor> memory;
};

std::vector<Move> moves(const ctorch_tensor *parameters, const ctorch_tensor *gradients, const ctorch_tensor *rights,
                        int32_t count) {
  std::vector<Move> moves;
  for (int32_t i = 0; i < count; i++) {
    Move move{parameters[i]->value, {}, {}, {}, {}};
    if (rights[i] == nullptr) {
      move.gradient = gradients[i]->value;
    } else {
      move.left = gradients[i]->value;
      move.right = rights[i]->value;
    }
    moves.push_back(std::move(move));
  }
  return moves;
}

/// Calls step(values, gradients, memories) until all parameters have moved, block by block on a processor: there a
/// gradient that is a product is used while it is still in the cache, and is never whole.
template <typename Step>
void take(std::vector<Move> &moves, const Step &step) {
  if (moves.empty()) return;
  auto memories = moves[0].memory.size();
  auto apply = [&](const at::Tensor &value, const at::Tensor &gradient, const std::vector<at::Tensor> &memory) {
    std::vector<std::vector<at::Tensor>> lists;
    for (const auto &tensor : memory) lists.push_back({tensor});
    step({value}, {gradient}, lists);
  };
  if (!moves[0].value.is_cpu()) {
    c10::NoGradGuard quiet;
    std::vector<at::Tensor> values, gradients;
    std::vector<std::vector<at::Tensor>> lists(memories);
    for (const auto &move : moves) {
      values.push_back(move.value);
      gradients.push_back(move.right.defined() ? at::mm(move.left, move.right) : move.gradient);
      for (size_t m = 0; m < memories; m++) lists[m].push_back(move.memory[m]);
    }
    step(values, gradients, lists);
  } else {
    struct Part {
      size_t move;
      int64_t start, length;
    };
    std::vector<Part> pieces;
    auto products = std::count_if(moves.begin(), moves.end(), [](const Move &m) { return m.right.defined(); });
    for (size_t i = 0; i < moves.size(); i++) {
      auto &move = moves[i];
      if (move.value.numel() == 0) continue;
      if (move.right.defined()) {
        auto rows = move.left.size(0), work = rows * move.left.size(1) * move.right.size(1);
        for (auto [start, length] : cut(rows, parts(rows, work, products, step_work))) pieces.push_back({i, start, length});
      } else {
        // In a row, whatever its shape.
        for (auto *tensor : {&move.value, &move.gradient}) *tensor = tensor->detach().view({-1});
        for (auto &tensor : move.memory) tensor = tensor.view({-1});
        auto count = (move.value.numel() + block_numbers - 1) / block_numbers;
        for (auto [start, length] : cut(move.value.numel(), count)) pieces.push_back({i, start, length});
      }
    }
    in_turn(static_cast<int64_t>(pieces.size()), [&](int64_t i, at::Tensor &scratch) {
      const auto &piece = pieces[static_cast<size_t>(i)];
      const auto &move = moves[piece.move];
      auto own = [&](const at::Tensor &whole) { return part(whole, 0, piece.start, piece.length); };
      at::Tensor gradient;
      if (move.right.defined()) {
        auto columns = move.right.size(1), numbers = piece.length * columns;
        if (!scratch.defined() || scratch.numel() < numbers || scratch.scalar_type() != move.value.scalar_type()) {
          scratch = at::empty({numbers}, move.value.options().requires_grad(false));
        }
        gradient = scratch.narrow(0, 0, numbers).view({piece.length, columns});
        at::mm_out(gradient, own(move.left), move.right);
      } else {
        gradient = own(move.gradient);
      }
      std::vector<at::Tensor> memory;
      for (const auto &tensor : move.memory) memory.push_back(own(tensor));
      apply(own(move.value), gradient, memory);
    });
  }
  // The fused steps do not count themselves among the writes to a tensor.
  for (const auto &move : moves) move.value.unsafeGetTensorImpl()->bump_version();
}

}  // namespace

extern "C" {

ctorch_status ctorch_in_turn(int64_t count, void (*body)(int64_t, void *), void *context) {
  return guard([&] {
    in_turn(count, [&](int64_t i, at::Tensor &) {
      c10::NoGradGuard quiet;
      body(i, context);
    });
  });
}

ctorch_status ctorch_products(ctorch_tensor *targets, const ctorch_tensor *biases, const ctorch_tensor *lefts,
                              const ctorch_tensor *rights, const int32_t *terms, int32_t count) {
  return guard([&] {
    std::vector<Product> products;
    for (int32_t i = 0, term = 0; i < count; i++) {
      Product product;
      for (int32_t end = term + terms[i]; term < end; term++) {
        product.terms.emplace_back(lefts[term]->value, rights[term]->value);
      }
      for (const auto &[a, b] : product.terms) {
        TORCH_CHECK(a.dim() == 2 && b.dim() == 2 && a.size(1) == b.size(0), "no matrices that can be multiplied: ",
                    a.sizes(), " and ", b.sizes());
        TORCH_CHECK(a.size(0) == product.terms[0].first.size(0) && b.size(1) == product.terms[0].second.size(1),
                    "products of different shapes cannot be added");
      }
      if (biases[i] != nullptr) product.bias = biases[i]->value;
      const auto &[a, b] = product.terms.at(0);
      product.target = targets[i] != nullptr
                           ? targets[i]->value
                           : at::empty({a.size(0), b.size(1)}, a.options().requires_grad(false));
      TORCH_CHECK(product.target.dim() == 2 && product.target.size(0) == a.size(0) &&
                      product.target.size(1) == b.size(1),
                  "a product of ", a.sizes(), " and ", b.sizes(), " does not fit ", product.target.sizes());
      products.push_back(std::move(product));
    }
    compute(products);
    for (int32_t i = 0; i < count; i++) {
      auto &target = products[static_cast<size_t>(i)].target;
      if (targets[i] == nullptr) {
        targets[i] = wrap(target);
      } else {
        target.unsafeGetTensorImpl()->bump_version();
      }
    }
  });
}

ctorch_status ctorch_adam_step(const ctorch_tensor *parameters, const ctorch_tensor *gradients,
                               const ctorch_tensor *rights, const ctorch_tensor *means, const ctorch_tensor *squares,
                               int32_t count, ctorch_tensor step, double learning_rate, double beta1, double beta2,
                               double weight_decay, double epsilon, bool decoupled) {
  return guard([&] {
    auto all = moves(parameters, gradients, rights, count);
    for (int32_t i = 0; i < count; i++) {
      all[static_cast<size_t>(i)].memory = {means[i]->value, squares[i]->value};
    }
    take(all, [&](const std::vector<at::Tensor> &values, const std::vector<at::Tensor> &gradients,
                  const std::vector<std::vector<at::Tensor>> &memory) {
      std::vector<at::Tensor> steps(values.size(), step->value);
      if (decoupled) {
        at::_fused_adamw_(values, gradients, memory[0], memory[1], {}, steps, learning_rate, beta1, beta2, weight_decay,
                          epsilon, false, false, {}, {});
      } else {
        at::_fused_adam_(values, gradients, memory[0], memory[1], {}, steps, learning_rate, beta1, beta2, weight_decay,
                         epsilon, false, false, {}, {});
      }
    });
  });
}

ctorch_status ctorch_sgd_step(const ctorch_tensor *parameters, const ctorch_tensor *gradients,
                              const ctorch_tensor *rights, const ctorch_tensor *momentum_buffers, int32_t count,
                              double learning_rate, double momentum, double weight_decay, bool nesterov, bool first) {
  return guard([&] {
    auto all = moves(parameters, gradients, rights, count);
    if (momentum_buffers != nullptr) {
      for (int32_t i = 0; i < count; i++) all[static_cast<size_t>(i)].memory = {momentum_buffers[i]->value};
    }
    take(all, [&](const std::vector<at::Tensor> &values, const std::vector<at::Tensor> &gradients,
                  const std::vector<std::vector<at::Tensor>> &memory) {
      auto buffers = memory.empty() ? std::vector<at::Tensor>() : memory[0];
      at::_fused_sgd_(values, gradients, buffers, weight_decay, momentum, learning_rate, 0.0, nesterov, false, first,
                      {}, {});
    });
  });
}

}  // extern "C"

#endif
