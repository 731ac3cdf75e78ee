// What is compiled: everything at once, since reading libtorch's headers takes ten times as long as all that is ours.

#include "autograd.cpp"
#include "networks.cpp"
#include "noise.cpp"
#include "operations.cpp"
#include "packages.cpp"
#include "products.cpp"
#include "random.cpp"
#include "scripts.cpp"
#include "tensor.cpp"
