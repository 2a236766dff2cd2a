#define _GNU_SOURCE
#include "berth_load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 256 << 10 };

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int write_all(int descriptor, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t count = write(descriptor, bytes, length);
    if (count < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    bytes += count;
    length -= (size_t)count;
  }
  return 0;
}

/// A request whose id can be changed in place.
struct request {
  char *frame;
  size_t length;
  char *number;
};

static int make_request(struct request *request, const char *body, size_t length) {
  request->frame = malloc(length + 64);
  if (!request->frame) return -1;
  int header = sprintf(request->frame, "Content-Length: %zu\r\n\r\n", length);
  memcpy(request->frame + header, body, length);
  request->length = (size_t)header + length;
  request->number = memmem(request->frame, request->length, "@@@@@@@@", 8);
  return 0;
}

static void number_request(struct request *request, size_t number) {
  if (!request->number) return;
  // A leading zero would not be JSON.
  number = number % 90000000 + 10000000;
  for (int digit = 7; digit >= 0; digit--) {
    request->number[digit] = (char)('0' + number % 10);
    number /= 10;
  }
}

/// What has come from the server and is not yet taken.
struct inbox {
  char *bytes;
  size_t start, end, capacity;
};

static int fill(struct inbox *inbox, int descriptor, size_t wanted) {
  if (inbox->start == inbox->end) inbox->start = inbox->end = 0;
  if (inbox->end + READ_BYTES > inbox->capacity || inbox->start + wanted > inbox->capacity) {
    memmove(inbox->bytes, inbox->bytes + inbox->start, inbox->end - inbox->start);
    inbox->end -= inbox->start;
    inbox->start = 0;
    size_t needed = (wanted > inbox->end ? wanted : inbox->end) + READ_BYTES;
    if (needed > inbox->capacity) {
      char *bytes = realloc(inbox->bytes, needed);
      if (!bytes) return -1;
      inbox->bytes = bytes;
      inbox->capacity = needed;
    }
  }
  for (;;) {
    ssize_t count = read(descriptor, inbox->bytes + inbox->end, inbox->capacity - inbox->end);
    if (count > 0) {
      inbox->end += (size_t)count;
      return 0;
    }
    if (count == 0 || errno != EINTR) return -1;
  }
}

/// The next message, if it is there whole. Otherwise `*wanted` is how many bytes it needs, where that is known.
static char *take(struct inbox *inbox, size_t *length, size_t *wanted) {
  char *start = inbox->bytes + inbox->start;
  size_t available = inbox->end - inbox->start;
  char *end = available ? memmem(start, available < 512 ? available : 512, "\r\n\r\n", 4) : NULL;
  *wanted = 0;
  if (!end) return NULL;
  char *value = strcasestr(start, "content-length:");
  if (!value || value > end) return NULL;
  *length = strtoul(value + 15, NULL, 10);
  size_t whole = (size_t)(end + 4 - start) + *length;
  if (whole > available) {
    *wanted = whole;
    return NULL;
  }
  inbox->start += whole;
  return end + 4;
}

/// Servers put the id near the front or, small answers, near the end; notifications have none.
static int is_answer(const char *body, size_t length) {
  size_t front = length < 160 ? length : 160;
  if (memmem(body, front, "\"id\":", 5)) return memmem(body, front, "\"method\":", 9) == NULL;
  return length > 160 && memmem(body + length - 64, 64, "\"id\":", 5) != NULL;
}

static int is_error(const char *body, size_t length) {
  return memmem(body, length < 96 ? length : 96, "\"error\":", 8) != NULL;
}

int berth_load_run(
    struct berth_peer peer, const char *body, size_t length, size_t in_flight, size_t count, uint64_t *round_trips,
    struct berth_load *result) {
  struct request request;
  struct inbox inbox = {malloc(READ_BYTES * 2), 0, 0, READ_BYTES * 2};
  if (!inbox.bytes || make_request(&request, body, length) != 0) return -1;
  char *burst = malloc(request.length * in_flight);
  size_t sent = 0, answered = 0;
  int status = burst ? 0 : -1;
  memset(result, 0, sizeof *result);
  uint64_t began = now(), sent_at = began;
  while (status == 0 && answered < count) {
    size_t room = in_flight - (sent - answered), filled = 0;
    while (room > 0 && sent < count) {
      number_request(&request, sent++);
      memcpy(burst + filled, request.frame, request.length);
      filled += request.length;
      room--;
    }
    if (filled > 0) {
      if (round_trips) sent_at = now();
      if (write_all(peer.output, burst, filled) != 0) status = -1;
    }
    size_t size, wanted = 0, taken = 0;
    while (status == 0 && taken == 0) {
      char *answer;
      while ((answer = take(&inbox, &size, &wanted))) {
        if (!is_answer(answer, size)) continue;
        if (round_trips) round_trips[answered] = now() - sent_at;
        result->bytes += size;
        result->errors += (uint64_t)is_error(answer, size);
        answered++;
        taken++;
      }
      if (taken == 0 && fill(&inbox, peer.input, wanted) != 0) status = -1;
    }
  }
  result->nanoseconds = now() - began;
  free(burst);
  free(request.frame);
  free(inbox.bytes);
  return status;
}

int64_t berth_load_call(struct berth_peer peer, const char *body, size_t length, char **answer) {
  struct inbox inbox = {malloc(READ_BYTES * 2), 0, 0, READ_BYTES * 2};
  int64_t found = -1;
  size_t size, wanted;
  if (!inbox.bytes || berth_load_send(peer, body, length) != 0) {
    free(inbox.bytes);
    return -1;
  }
  while (found < 0) {
    char *message = take(&inbox, &size, &wanted);
    if (!message) {
      if (fill(&inbox, peer.input, wanted) != 0) break;
      continue;
    }
    if (!is_answer(message, size)) continue;
    found = (int64_t)size;
    if (answer && (*answer = malloc(size + 1))) {
      memcpy(*answer, message, size);
      (*answer)[size] = 0;
    }
  }
  free(inbox.bytes);
  return found;
}

int berth_load_send(struct berth_peer peer, const char *body, size_t length) {
  char header[64];
  int size = sprintf(header, "Content-Length: %zu\r\n\r\n", length);
  if (write_all(peer.output, header, (size_t)size) != 0) return -1;
  return write_all(peer.output, body, length);
}

void berth_echo(int descriptor) {
  static char buffer[READ_BYTES];
  for (;;) {
    ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count <= 0) {
      if (count < 0 && errno == EINTR) continue;
      return;
    }
    if (write_all(descriptor, buffer, (size_t)count) != 0) return;
  }
}
