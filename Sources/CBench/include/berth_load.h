// The load that benchmarks put on a server, and the simplest peer: an echo. In C, so that the client costs as little as
// possible and the same for every server.

#ifndef BERTH_LOAD_H
#define BERTH_LOAD_H

#include <stddef.h>
#include <stdint.h>

/// A server's two ends: the same socket twice, or two pipes.
struct berth_peer {
  int input;
  int output;
};

/// What a run found.
struct berth_load {
  /// How long the whole took, in nanoseconds.
  uint64_t nanoseconds;
  /// How many bytes of answers came.
  uint64_t bytes;
  /// How many answers were errors.
  uint64_t errors;
};

/// Sends a request with `Content-Length` framing `count` times, never more than `in_flight` unanswered, and waits for
/// all answers. The text `@@@@@@@@` in the body is replaced by a number, which becomes the id.
///
/// With `round_trips`, which holds `count` numbers, each one's time in nanoseconds is kept; `in_flight` must be 1.
/// Messages without an `id`, which servers send by themselves, are passed over. Returns 0, or -1 where the server went.
int berth_load_run(
    struct berth_peer peer, const char *body, size_t length, size_t in_flight, size_t count, uint64_t *round_trips,
    struct berth_load *result);

/// Sends one request and waits for the answer to it. Returns the body's length, or -1. `*answer` is the caller's to free
/// where it is not NULL.
int64_t berth_load_call(struct berth_peer peer, const char *body, size_t length, char **answer);

/// Sends a message and waits for nothing. Returns 0 or -1.
int berth_load_send(struct berth_peer peer, const char *body, size_t length);

/// Sends back every byte that comes, until the end of input. Call it in a process of its own.
void berth_echo(int descriptor);

#endif
