#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

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

int berth_load_run(
    struct berth_connection *connection, const char *body, size_t length, size_t in_flight, size_t count,
    uint64_t *round_trips, struct berth_load *result) {
  struct request request;
  if (make_request(&request, body, length) != 0) return -1;
  char *burst = malloc(request.length * in_flight);
  size_t sent = 0, answered = 0;
  int status = burst ? 0 : -1;
  memset(result, 0, sizeof *result);
  uint64_t began = berth_now(), sent_at = began;
  while (status == 0 && answered < count) {
    size_t room = in_flight - (sent - answered), filled = 0;
    while (room > 0 && sent < count) {
      number_request(&request, sent++);
      memcpy(burst + filled, request.frame, request.length);
      filled += request.length;
      room--;
    }
    if (filled > 0) {
      if (round_trips) sent_at = berth_now();
      if (berth_write_all(connection->output, burst, filled) != 0) status = -1;
    }
    size_t size, wanted = 0, taken = 0;
    while (status == 0 && taken == 0) {
      char *answer;
      while ((answer = berth_take(connection, &size, &wanted))) {
        if (!berth_is_answer(answer, size)) continue;
        if (round_trips) round_trips[answered] = berth_now() - sent_at;
        result->bytes += size;
        result->errors += (uint64_t)berth_is_error(answer, size);
        answered++;
        taken++;
      }
      if (taken == 0 && berth_fill(connection, wanted) != 0) status = -1;
    }
  }
  result->nanoseconds = berth_now() - began;
  free(burst);
  free(request.frame);
  return status;
}
