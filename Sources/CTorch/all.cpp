// What is compiled: everything at once, since reading libtorch's headers takes ten times as long as all that is ours.

// As libtorch is built: some of its headers' classes have other members where this is not defined.
#ifndef NDEBUG
#define NDEBUG
#endif

#include "autograd.cpp"
#include "networks.cpp"
#include "noise.cpp"
#include "operations.cpp"
#include "packages.cpp"
#include "products.cpp"
#include "random.cpp"
#include "recording.cpp"
#include "scripts.cpp"
#include "tensor.cpp"
