#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connection.h"

enum { CHUNK_BYTES = 256, BLOCK_BYTES = 64 << 10, SECOND = 1000000000 };

static const char update[] =
    "{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"sessionId\":\"bench\",\"update\":{"
    "\"sessionUpdate\":\"agent_message_chunk\",\"content\":{\"type\":\"text\",\"text\":\"#%llu %llu of the answer \"}}}}\n";

static void sleep_until(uint64_t time) {
  struct timespec at = {.tv_sec = (time_t)(time / SECOND), .tv_nsec = (long)(time % SECOND)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/// Writes the pieces of one answer.
static int speak(int output, uint64_t count, uint64_t per_second) {
  char block[BLOCK_BYTES];
  size_t filled = 0;
  uint64_t began = berth_now();
  for (uint64_t number = 0; number < count; number++) {
    if (per_second) sleep_until(began + (uint64_t)((double)number / (double)per_second * SECOND));
    filled += (size_t)sprintf(block + filled, update, (unsigned long long)number, (unsigned long long)berth_now());
    if (!per_second && filled < BLOCK_BYTES - CHUNK_BYTES && number + 1 < count) continue;
    if (berth_write_all(output, block, filled) != 0) return -1;
    filled = 0;
  }
  return 0;
}

static int answer(int output, const char *id, size_t length, const char *result) {
  char text[512];
  int size = snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":%s}\n", (int)length, id, result);
  return berth_write_all(output, text, (size_t)size);
}

int berth_speak(int input, int output, uint64_t count, uint64_t per_second) {
  FILE *lines = fdopen(input, "r");
  char *line = NULL;
  size_t capacity = 0;
  int status = lines ? 0 : -1;
  while (status == 0 && getline(&line, &capacity, lines) > 0) {
    const char *id = strstr(line, "\"id\":");
    if (!id) continue;
    id += strlen("\"id\":");
    size_t length = strcspn(id, ",}");
    if (strstr(line, "\"initialize\"")) {
      status = answer(output, id, length, "{\"protocolVersion\":1,\"agentCapabilities\":{},\"authMethods\":[]}");
    } else if (strstr(line, "\"session/new\"")) {
      status = answer(output, id, length, "{\"sessionId\":\"bench\"}");
    } else if (strstr(line, "\"session/prompt\"")) {
      status = speak(output, count, per_second);
      if (status == 0) status = answer(output, id, length, "{\"stopReason\":\"end_turn\"}");
    } else {
      status = answer(output, id, length, "{}");
    }
  }
  free(line);
  return status;
}
