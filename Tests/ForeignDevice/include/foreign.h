/// A device that is not the host, where there is no accelerator: loading this library adds `foreign` to libtorch's devices.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/// How many operations it has computed.
long long foreign_operations(void);

#ifdef __cplusplus
}
#endif
