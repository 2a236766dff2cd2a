// The load that benchmarks put on a server, and the simplest peer: an echo. In C, so that the client costs as little as
// possible and the same for every server.

#ifndef BERTH_LOAD_H
#define BERTH_LOAD_H

#include <stddef.h>
#include <stdint.h>

// MARK: Connections

/// A connection that speaks with `Content-Length` framing and blocks; it keeps what has come and is not yet taken.
struct berth_connection;

/// `input` and `output` are the same socket twice, or two pipes. They are not closed with the connection.
struct berth_connection *berth_connection_open(int input, int output);
void berth_connection_close(struct berth_connection *connection);

/// Sends a message and waits for nothing. Returns 0 or -1.
int berth_connection_send(struct berth_connection *connection, const char *body, size_t length);

/// Sends one request and waits for the answer to it. Returns the body's length, or -1. `*answer` is the caller's to free
/// where it is not NULL.
int64_t berth_connection_call(struct berth_connection *connection, const char *body, size_t length, char **answer);

// MARK: Requests

/// What a run found.
struct berth_load {
  /// How long the whole took, in nanoseconds.
  uint64_t nanoseconds;
  /// How many bytes of answers came.
  uint64_t bytes;
  /// How many answers were errors.
  uint64_t errors;
};

/// Sends a request `count` times, never more than `in_flight` unanswered, and waits for all answers. The text `@@@@@@@@`
/// in the body is replaced by a number, which becomes the id.
///
/// With `round_trips`, which holds `count` numbers, each one's time in nanoseconds is kept; `in_flight` must be 1.
/// Messages without an `id`, which servers send by themselves, are passed over. Returns 0, or -1 where the server went.
int berth_load_run(
    struct berth_connection *connection, const char *body, size_t length, size_t in_flight, size_t count,
    uint64_t *round_trips, struct berth_load *result);

// MARK: Events

/// Numbered events that go from one connection through a stream to others.
struct berth_delivery {
  /// The stream they are appended to.
  const char *stream;
  /// The number of the first event, and how many there are.
  uint64_t first, events;
  /// How many events one append holds, and how many appends may be unanswered.
  size_t batch, in_flight;
  /// How many events are appended in a second; 0 for as many as can be.
  uint64_t events_per_second;
  /// Room for the time of each delivery from the sending of the append, in nanoseconds: `events` numbers a follower.
  /// NULL where they are not wanted.
  uint64_t *delays;
  /// What stands in an event before its number; between that and its time stand `between` characters.
  const char *marker;
  size_t between;

  /// Found: how long it took until the last follower had the last event, in nanoseconds.
  uint64_t nanoseconds;
  /// Found: how many delays were written.
  uint64_t delay_count;
};

/// Appends the events and takes them in at every follower, which must be attached. Each event must arrive once and in
/// order.
///
/// Without `appender`, the events are there already and only taken in. Returns 0; -1 where the server went; -2 where an
/// event was missing, came twice or in the wrong order; -3 where an append failed; -4 where nothing came for a minute.
int berth_delivery_run(
    struct berth_connection *appender, struct berth_connection *const *followers, size_t follower_count,
    struct berth_delivery *delivery);

// MARK: Lines

/// Numbered lines that are looked through: each begins with its number, of twelve digits.
struct berth_lines {
  /// The number that the next line must have.
  uint64_t next;
  /// How many lines there were, and how many of them did not have the number that they must have.
  uint64_t count, faults;
};

/// Writes lines of `bytes` bytes each, their end included, numbered from 0. With an `interval` in nanoseconds, one at a
/// time and with that pause behind each; without, as fast as they are taken. Returns 0 or -1.
int berth_write_lines(int output, uint64_t count, size_t bytes, uint64_t interval);

/// Looks through a file of lines, which goes on where the one before ended. With `has_prefix`, the lines are those of a
/// log: `TIME stdout F text`. Returns 0 or -1.
int berth_check_lines(int file, int has_prefix, struct berth_lines *lines);

/// Takes in `count` lines that come as the events of an app's output. Returns 0, or -1 where the server went.
int berth_follow_lines(struct berth_connection *connection, uint64_t count, struct berth_lines *lines);

// MARK: Programs

/// Answers every request on a port of 127.0.0.1 with 200. Returns -1 where it can't.
int berth_answer_http(int port);

/// Is an agent that speaks the Agent Client Protocol: it answers each prompt with `count` pieces of a message, numbered
/// from 0, each with the time of its writing. `per_second` is how many it writes in a second; 0 for as many as are
/// taken. Returns at the end of input.
int berth_speak(int input, int output, uint64_t count, uint64_t per_second);

/// How many processes `berth_resist` makes.
enum { BERTH_RESISTING = 5 };

/// A tree of processes that does not want to end: out of sight of its parent, in sessions of their own, deaf to SIGTERM,
/// and new processes all the time. It ends when there is no file at `path` any more. While they live, each of the
/// processes touches a file of its own again and again, `sign` and a number.
int berth_resist(const char *path, const char *sign);

// MARK: Peers

/// Writes a file beside `name` and renames it over that, again and again. Returns 0 or -1.
int berth_replace_file(int folder, const char *name, const char *bytes, size_t length, size_t count);

/// Sends back every byte that comes, until the end of input.
void berth_echo(int input, int output);

#endif
