#include "shim.h"

struct pattern {
  const char *bytes;
  uint32_t size;
  /// The next one that begins with the same byte, as an index and 1.
  uint32_t next;
};

struct masking maskings[2];

static struct pattern *patterns;
static uint32_t pattern_count, longest;
/// The first pattern that begins with a byte, as an index and 1; 0 for none.
static uint32_t first[256];

/// Where the line that begins at `line` ends.
static const char *line_end(const char *line) {
  while (*line != 0 && *line != '\n') line++;
  return line;
}

static bool add(const char *bytes, size_t size) {
  if (size > LONGEST_SECRET) return false;
  uint32_t *head = &first[(unsigned char)bytes[0]];
  patterns[pattern_count] = (struct pattern){bytes, (uint32_t)size, *head};
  *head = ++pattern_count;
  if (size > longest) longest = (uint32_t)size;
  return true;
}

/// A secret of several lines is looked for line by line, since others print it indented or cut; so no pattern has a
/// line feed, and what is masked never reaches over a line's end.
bool mask_prepare(const struct specification *specification, struct failure *failure) {
  enum { SHORTEST_LINE = 4 };
  size_t bytes = 0, lines = 0;
  for (size_t i = 0; i < specification->secret_count; i++) {
    for (const char *byte = specification->secrets[i]; *byte != 0; byte++) lines += *byte == '\n';
    lines++;
    bytes += strlen(specification->secrets[i]) + 1;
  }
  if (lines == 0) return true;
  patterns = map_memory(lines * sizeof *patterns + bytes);
  if (patterns == NULL) return failed(failure, "specification", ENOMEM, "secret");
  char *copy = (char *)(patterns + lines);
  for (size_t i = 0; i < specification->secret_count; i++) {
    size_t size = strlen(specification->secrets[i]);
    memcpy(copy, specification->secrets[i], size + 1);
    bool is_one_line = *line_end(copy) == 0;
    for (const char *line = copy; line <= copy + size;) {
      const char *end = line_end(line);
      size_t length = (size_t)(end - line);
      if (length > 0 && end[-1] == '\r') length--;
      if (length >= (is_one_line ? 1 : SHORTEST_LINE) && !add(line, length))
        return failed(failure, "specification", E2BIG, "secret");
      line = end + 1;
    }
    copy += size + 1;
  }
  if (longest == 0) return true;
  for (int i = 0; i < 2; i++) {
    maskings[i].held = map_memory(longest);
    if (maskings[i].held == NULL) return failed(failure, "specification", ENOMEM, "secret");
  }
  return true;
}

bool mask_is_needed(void) {
  return pattern_count > 0;
}

/// How much of `bytes` is a secret. `*is_open` is set where the end cuts off what may yet become one.
static size_t match(const char *bytes, size_t size, bool *is_open) {
  size_t most = 0;
  for (uint32_t index = first[(unsigned char)bytes[0]]; index > 0; index = patterns[index - 1].next) {
    const struct pattern *pattern = &patterns[index - 1];
    if (pattern->size <= most) continue;
    if (pattern->size <= size) {
      if (memcmp(bytes, pattern->bytes, pattern->size) == 0) most = pattern->size;
    } else if (memcmp(bytes, pattern->bytes, size) == 0) {
      *is_open = true;
    }
  }
  return most;
}

size_t mask(struct masking *masking, char *bytes, size_t size, bool is_last, char *out) {
  bytes -= masking->held_size;
  size += masking->held_size;
  memcpy(bytes, masking->held, masking->held_size);
  // Bytes before `end` belong to a secret whose stars have been written; secrets that overlap share them.
  size_t position = 0, end = masking->covered, written = 0;
  for (; position < size; position++) {
    if (first[(unsigned char)bytes[position]] == 0) {
      if (position >= end) out[written++] = bytes[position];
      continue;
    }
    bool is_open = false;
    size_t length = match(bytes + position, size - position, &is_open);
    if (is_open && !is_last) break;
    if (length == 0 && position >= end) out[written++] = bytes[position];
    if (length > 0 && position >= end) {
      memcpy(out + written, "***", 3);
      written += 3;
    }
    if (position + length > end) end = position + length;
  }
  masking->held_size = size - position;
  masking->covered = end > position ? end - position : 0;
  memcpy(masking->held, bytes + position, masking->held_size);
  return written;
}
