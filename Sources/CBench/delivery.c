#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

enum { SECOND = 1000000000, PATIENCE_MILLISECONDS = 60000 };

/// The longest text of one event in an append.
enum { EVENT_BYTES = 160 };

struct state {
  struct berth_delivery *delivery;
  struct berth_connection *appender;
  /// How many events were sent, and how many appends are not answered yet.
  uint64_t sent;
  size_t unanswered;
  uint64_t began;
  char *text;
};

/// Sends the next batch.
static int append(struct state *state) {
  struct berth_delivery *delivery = state->delivery;
  uint64_t rest = delivery->events - state->sent;
  uint64_t count = rest < delivery->batch ? rest : delivery->batch;
  char *end = state->text;
  end += sprintf(
      end, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"stream/append\",\"params\":{\"stream\":\"%s\",\"events\":[",
      (unsigned long long)state->sent, delivery->stream);
  for (uint64_t index = 0; index < count; index++) {
    end += sprintf(
        end, "%s{\"type\":\"bench.step\",\"payload\":{\"n\":%llu,\"t\":%llu,\"text\":\"compiled Sources/Bench/Step.swift\"}}",
        index ? "," : "", (unsigned long long)(delivery->first + state->sent + index),
        (unsigned long long)berth_now());
  }
  end += sprintf(end, "]}}");
  state->sent += count;
  state->unanswered++;
  return berth_connection_send(state->appender, state->text, (size_t)(end - state->text));
}

/// Whether the next batch may be sent now; otherwise, `*wait` is set to the nanoseconds until it may where that is known.
static int is_due(const struct state *state, uint64_t *wait) {
  const struct berth_delivery *delivery = state->delivery;
  *wait = UINT64_MAX;
  if (!state->appender || state->sent >= delivery->events || state->unanswered >= delivery->in_flight) return 0;
  if (!delivery->events_per_second) return 1;
  uint64_t due = state->began + (uint64_t)((double)state->sent / (double)delivery->events_per_second * SECOND);
  uint64_t now = berth_now();
  if (due <= now) return 1;
  *wait = due - now;
  return 0;
}

static int take_answers(struct state *state) {
  size_t size, wanted;
  char *message;
  if (berth_fill(state->appender, 0) != 0) return -1;
  while ((message = berth_take(state->appender, &size, &wanted))) {
    if (!berth_is_answer(message, size)) continue;
    if (berth_is_error(message, size)) return -3;
    state->unanswered--;
  }
  return 0;
}

/// Takes in the events that one follower has read. `*next` is the number that its next event must have.
static int take_events(struct state *state, struct berth_connection *follower, uint64_t *next, size_t *wanted) {
  struct berth_delivery *delivery = state->delivery;
  size_t size, length = strlen(delivery->marker);
  char *message;
  while ((message = berth_take(follower, &size, wanted))) {
    if (berth_is_answer(message, size)) continue;
    char *end = message + size, *event = message;
    uint64_t now = berth_now();
    if (memmem(message, size < 96 ? size : 96, "\"stream/gap\"", 12)) return -2;
    while ((event = memmem(event, (size_t)(end - event), delivery->marker, length))) {
      if (strtoull(event + length, &event, 10) != *next) return -2;
      ++*next;
      if (delivery->delays)
        delivery->delays[delivery->delay_count++] = now - strtoull(event + delivery->between, &event, 10);
    }
  }
  return 0;
}

static int deliver(
    struct state *state, struct berth_connection *const *followers, size_t count, uint64_t *next, size_t *wanted,
    struct pollfd *ready) {
  struct berth_delivery *delivery = state->delivery;
  uint64_t last = delivery->first + delivery->events;
  for (size_t index = 0; index < count; index++) {
    next[index] = delivery->first;
    wanted[index] = 0;
    ready[index] = (struct pollfd){.fd = followers[index]->input, .events = POLLIN};
    // The first may have come together with the answer to `stream/attach`.
    int status = take_events(state, followers[index], &next[index], &wanted[index]);
    if (status != 0) return status;
  }
  ready[count] = (struct pollfd){.fd = state->appender ? state->appender->input : -1, .events = POLLIN};
  for (;;) {
    uint64_t wait;
    int status;
    while (is_due(state, &wait))
      if ((status = append(state)) != 0) return status;
    size_t done = 0;
    for (size_t index = 0; index < count; index++) done += next[index] == last;
    if (done == count && state->unanswered == 0 && (!state->appender || state->sent == delivery->events)) return 0;
    struct timespec limit = {.tv_sec = PATIENCE_MILLISECONDS / 1000};
    if (wait < SECOND) limit = (struct timespec){.tv_nsec = (long)wait};
    int found = ppoll(ready, count + 1, &limit, NULL);
    if (found < 0 && errno != EINTR) return -1;
    if (found == 0 && wait == UINT64_MAX) return -4;
    if (found <= 0) continue;
    if (ready[count].revents && (status = take_answers(state)) != 0) return status;
    for (size_t index = 0; index < count; index++) {
      if (!ready[index].revents) continue;
      if (berth_fill(followers[index], wanted[index]) != 0) return -1;
      if ((status = take_events(state, followers[index], &next[index], &wanted[index])) != 0) return status;
    }
  }
}

int berth_delivery_run(
    struct berth_connection *appender, struct berth_connection *const *followers, size_t follower_count,
    struct berth_delivery *delivery) {
  struct state state = {.delivery = delivery, .appender = appender, .began = berth_now()};
  state.text = malloc(delivery->batch * EVENT_BYTES + 1024);
  uint64_t *next = calloc(follower_count + 1, sizeof *next);
  size_t *wanted = calloc(follower_count + 1, sizeof *wanted);
  struct pollfd *ready = calloc(follower_count + 1, sizeof *ready);
  delivery->delay_count = 0;
  int status = -1;
  if (state.text && next && wanted && ready) status = deliver(&state, followers, follower_count, next, wanted, ready);
  delivery->nanoseconds = berth_now() - state.began;
  free(state.text);
  free(next);
  free(wanted);
  free(ready);
  return status;
}
