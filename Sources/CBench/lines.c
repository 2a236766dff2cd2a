#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"

enum { DIGITS = 12, BLOCK_BYTES = 64 << 10, CHUNK_BYTES = 1 << 20 };

/// Adds to the number at the beginning of a line, in place.
static void advance(char *line, unsigned step) {
  for (int digit = DIGITS - 1; digit >= 0 && step; digit--) {
    unsigned sum = (unsigned)(line[digit] - '0') + step % 10;
    step = step / 10 + sum / 10;
    line[digit] = (char)('0' + sum % 10);
  }
}

int berth_write_lines(int output, uint64_t count, size_t bytes, uint64_t interval) {
  static const char words[] = " GET /api/items?page=3 200 12 ms \"a line as servers write them, one a request\" ";
  size_t in_block = interval ? 1 : BLOCK_BYTES / bytes;
  if (bytes < DIGITS + 2 || in_block == 0) return -1;
  char *block = malloc(in_block * bytes);
  if (!block) return -1;
  for (size_t index = 0; index < in_block; index++) {
    char *line = block + index * bytes;
    memset(line, '0', DIGITS);
    for (size_t at = DIGITS; at < bytes - 1; at++) line[at] = words[(at - DIGITS) % (sizeof words - 1)];
    line[bytes - 1] = '\n';
    advance(line, (unsigned)index);
  }
  struct timespec pause = {.tv_sec = (time_t)(interval / 1000000000), .tv_nsec = (long)(interval % 1000000000)};
  int status = 0;
  while (count > 0 && status == 0) {
    size_t lines = count < in_block ? (size_t)count : in_block;
    status = berth_write_all(output, block, lines * bytes);
    for (size_t index = 0; index < in_block; index++) advance(block + index * bytes, (unsigned)in_block);
    count -= lines;
    if (interval) nanosleep(&pause, NULL);
  }
  free(block);
  return status;
}

/// Reads the digits at the beginning of a text; -1 where there are not all of them.
static int64_t number(const char *text, const char *end) {
  if (end - text < DIGITS) return -1;
  int64_t value = 0;
  for (int digit = 0; digit < DIGITS; digit++) {
    if (text[digit] < '0' || text[digit] > '9') return -1;
    value = value * 10 + (text[digit] - '0');
  }
  return value;
}

static void take_number(struct berth_lines *lines, int64_t found) {
  if (found < 0 || (uint64_t)found != lines->next) lines->faults++;
  // Goes on from what was found: one that is missing counts once.
  if (found >= 0) lines->next = (uint64_t)found;
  lines->next++;
  lines->count++;
}

int berth_check_lines(int file, int has_prefix, struct berth_lines *lines) {
  char *bytes = malloc(CHUNK_BYTES);
  size_t filled = 0;
  int is_rest = 0;
  if (!bytes) return -1;
  for (;;) {
    ssize_t count = read(file, bytes + filled, CHUNK_BYTES - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      free(bytes);
      // A last line without its end is no whole line.
      if (filled > 0) lines->faults++;
      return (int)count;
    }
    filled += (size_t)count;
    char *line = bytes, *end = bytes + filled, *stop;
    while ((stop = memchr(line, '\n', (size_t)(end - line)))) {
      char *text = line;
      int was_rest = is_rest;
      if (has_prefix) {
        // `TIME stdout F text`: a fourth field, and P where the line goes on.
        for (int field = 0; field < 3 && text; field++) {
          if (field == 2) is_rest = *text == 'P';
          if ((text = memchr(text, ' ', (size_t)(stop - text)))) text++;
        }
      }
      if (!was_rest) take_number(lines, text ? number(text, stop) : -1);
      line = stop + 1;
    }
    filled = (size_t)(end - line);
    memmove(bytes, line, filled);
    if (filled == CHUNK_BYTES) {
      free(bytes);
      return -1;
    }
  }
}

int berth_follow_lines(struct berth_connection *connection, uint64_t count, struct berth_lines *lines) {
  static const char key[] = "\"text\":\"";
  uint64_t last = lines->count + count;
  size_t size, wanted = 0;
  while (lines->count < last) {
    char *message;
    while ((message = berth_take(connection, &size, &wanted))) {
      if (berth_is_answer(message, size)) continue;
      if (memmem(message, size < 96 ? size : 96, "\"stream/gap\"", 12)) lines->faults++;
      char *end = message + size, *event = message;
      while ((event = memmem(event, (size_t)(end - event), key, sizeof key - 1))) {
        event += sizeof key - 1;
        take_number(lines, number(event, end));
      }
    }
    if (lines->count < last && berth_fill(connection, wanted) != 0) return -1;
  }
  return 0;
}
