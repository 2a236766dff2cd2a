// What the files of this target share.

#ifndef BERTH_BENCH_CONNECTION_H
#define BERTH_BENCH_CONNECTION_H

#include "berth_load.h"

struct berth_connection {
  int input, output;
  /// What has come and is not yet taken stands between `start` and `end`.
  char *bytes;
  size_t start, end, capacity;
};

enum { BERTH_READ_BYTES = 256 << 10 };

/// The monotonic clock, in nanoseconds.
uint64_t berth_now(void);

int berth_write_all(int descriptor, const char *bytes, size_t length);

/// Reads what is there, at least a byte; `wanted` is how many bytes the next message needs, or 0. Returns 0 or -1.
int berth_fill(struct berth_connection *connection, size_t wanted);

/// The next message, if it is there whole; good until the next `berth_fill`. Otherwise `*wanted` is how many bytes it
/// needs, where that is known.
char *berth_take(struct berth_connection *connection, size_t *length, size_t *wanted);

/// Whether a message answers a request, and does not come by itself.
int berth_is_answer(const char *body, size_t length);

int berth_is_error(const char *body, size_t length);

#endif
