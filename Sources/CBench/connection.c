#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t berth_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int berth_write_all(int descriptor, const char *bytes, size_t length) {
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

struct berth_connection *berth_connection_open(int input, int output) {
  struct berth_connection *connection = calloc(1, sizeof *connection);
  if (!connection) return NULL;
  connection->input = input;
  connection->output = output;
  connection->capacity = BERTH_READ_BYTES * 2;
  connection->bytes = malloc(connection->capacity);
  if (!connection->bytes) {
    free(connection);
    return NULL;
  }
  return connection;
}

void berth_connection_close(struct berth_connection *connection) {
  free(connection->bytes);
  free(connection);
}

int berth_fill(struct berth_connection *connection, size_t wanted) {
  struct berth_connection *c = connection;
  if (c->start == c->end) c->start = c->end = 0;
  if (c->end + BERTH_READ_BYTES > c->capacity || c->start + wanted > c->capacity) {
    memmove(c->bytes, c->bytes + c->start, c->end - c->start);
    c->end -= c->start;
    c->start = 0;
    size_t needed = (wanted > c->end ? wanted : c->end) + BERTH_READ_BYTES;
    if (needed > c->capacity) {
      char *bytes = realloc(c->bytes, needed);
      if (!bytes) return -1;
      c->bytes = bytes;
      c->capacity = needed;
    }
  }
  for (;;) {
    ssize_t count = read(c->input, c->bytes + c->end, c->capacity - c->end);
    if (count > 0) {
      c->end += (size_t)count;
      return 0;
    }
    if (count == 0 || errno != EINTR) return -1;
  }
}

char *berth_take(struct berth_connection *connection, size_t *length, size_t *wanted) {
  char *start = connection->bytes + connection->start;
  size_t available = connection->end - connection->start;
  char *end = available ? memmem(start, available < 512 ? available : 512, "\r\n\r\n", 4) : NULL;
  *wanted = 0;
  if (!end) return NULL;
  *end = 0;
  char *value = strcasestr(start, "content-length:");
  *end = '\r';
  if (!value) return NULL;
  *length = strtoul(value + 15, NULL, 10);
  size_t whole = (size_t)(end + 4 - start) + *length;
  if (whole > available) {
    *wanted = whole;
    return NULL;
  }
  connection->start += whole;
  return end + 4;
}

/// Servers put the id near the front or, with small answers, near the end; notifications have none.
int berth_is_answer(const char *body, size_t length) {
  size_t front = length < 160 ? length : 160;
  if (memmem(body, front, "\"id\":", 5)) return memmem(body, front, "\"method\":", 9) == NULL;
  return length > 160 && memmem(body + length - 64, 64, "\"id\":", 5) != NULL
         && memmem(body, front, "\"method\":", 9) == NULL;
}

int berth_is_error(const char *body, size_t length) {
  return memmem(body, length < 96 ? length : 96, "\"error\":", 8) != NULL;
}

int berth_connection_send(struct berth_connection *connection, const char *body, size_t length) {
  char header[64];
  int size = sprintf(header, "Content-Length: %zu\r\n\r\n", length);
  if (berth_write_all(connection->output, header, (size_t)size) != 0) return -1;
  return berth_write_all(connection->output, body, length);
}

int64_t berth_connection_call(struct berth_connection *connection, const char *body, size_t length, char **answer) {
  if (berth_connection_send(connection, body, length) != 0) return -1;
  for (;;) {
    size_t size, wanted;
    char *message = berth_take(connection, &size, &wanted);
    if (!message) {
      if (berth_fill(connection, wanted) != 0) return -1;
      continue;
    }
    if (!berth_is_answer(message, size)) continue;
    if (answer && (*answer = malloc(size + 1))) {
      memcpy(*answer, message, size);
      (*answer)[size] = 0;
    }
    return (int64_t)size;
  }
}
