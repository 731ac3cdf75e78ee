// The regular operations of the shim, one word each: what stands here is declared in ctorch.h and defined in operations.cpp.

#ifndef CTORCH_OPS_H
#define CTORCH_OPS_H

// tensor -> tensor
#define CTORCH_UNARY(X) \
  X(abs) X(neg) X(exp) X(expm1) X(log) X(log1p) X(sqrt) X(rsqrt) X(square) X(reciprocal) X(sin) X(cos) X(acos) X(tanh) \
  X(sigmoid) X(relu) X(relu6) X(silu) X(erf) X(sign) X(floor) X(ceil) X(round) X(isfinite) X(isnan) X(logical_not) X(detach) \
  X(clone) X(log_sigmoid)

// tensor, tensor -> tensor, with broadcasting
#define CTORCH_BINARY(X) \
  X(add) X(sub) X(mul) X(div) X(pow) X(maximum) X(minimum) X(eq) X(ne) X(lt) X(le) X(gt) X(ge) \
  X(logical_and) X(logical_or) X(matmul)

// tensor, number -> tensor
#define CTORCH_SCALAR(X) \
  X(add) X(sub) X(mul) X(div) X(pow) X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(clamp_min) X(clamp_max) X(rsub)

// tensor, dimensions, keep -> tensor
#define CTORCH_REDUCE(X) X(sum) X(mean) X(amax) X(amin) X(logsumexp)

// tensor, dimension -> tensor
#define CTORCH_ALONG(X) X(softmax) X(log_softmax) X(unsqueeze) X(cumsum)

#endif
