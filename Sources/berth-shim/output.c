#include "shim.h"

#include <sys/epoll.h>

// The container runtime interface's log format:
// `2026-11-20T22:30:00.123456789Z stdout F text`, with P in place of F where the line goes on.

enum { PREFIX = 40, FLAG = 38, LARGE_PIPE = 1 << 20, FLUSH = 100000000, LITTLE = 1024 };

static struct stream {
  int descriptor;
  const char *name;
  /// Whether a part of the line that is being printed is in the log already.
  bool has_parts;
  bool is_large;
  /// Whether nothing is read until there is room in the log.
  bool is_held;
  /// The beginning of a line whose end has not come, and when it is written as a part.
  size_t tail_size;
  int64_t flush_at;
  struct masking *masking;
  char prefix[PREFIX];
  char *tail;
} streams[2];

static char tails[2][PART];

/// What is in scratch.output.lines.
static size_t pending;

void output_begin(int output, int error) {
  int descriptors[2] = {output, error};
  const char *names[2] = {"stdout", "stderr"};
  for (uint32_t i = 0; i < 2; i++) {
    streams[i] = (struct stream){
        .descriptor = descriptors[i],
        .name = names[i],
        .flush_at = INT64_MAX,
        .masking = &maskings[i],
        .tail = tails[i],
    };
    if (descriptors[i] >= 0) watch(descriptors[i], OUTPUT, i, EPOLLIN);
  }
}

// MARK: Lines

static void write_pending(void) {
  if (pending > 0) segments_write(scratch.output.lines, pending);
  pending = 0;
}

/// Copies in blocks, past the end: both areas go on for as long as a block.
static inline void copy_text(char *to, const char *from, size_t size) {
  for (size_t i = 0; i < size; i += 32) __builtin_memcpy(to + i, from + i, 32);
}

static inline void put_line(struct stream *stream, char flag, const char *text, size_t size) {
  if (pending >= segments_room() || pending + PREFIX + size + 64 > sizeof scratch.output.lines) write_pending();
  char *line = scratch.output.lines + pending;
  __builtin_memcpy(line, stream->prefix, PREFIX);
  line[FLAG] = flag;
  copy_text(line + PREFIX, text, size);
  line[PREFIX + size] = '\n';
  pending += PREFIX + size + 1;
  stream->has_parts = flag == 'P';
}

static void stamp(struct stream *stream) {
  struct text text = {stream->prefix, 0, PREFIX};
  put_time(&text, wall_now());
  put(&text, " ");
  put(&text, stream->name);
  put(&text, "   ");
}

/// The next line feed, or `end`.
static inline const char *find_line_feed(const char *byte, const char *end) {
  typedef char block __attribute__((vector_size(16), aligned(1)));
  typedef uint64_t words __attribute__((vector_size(16)));
  const block line_feeds = {10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10};
  for (; end - byte >= 16; byte += 16) {
    words found = (words)(*(const block *)(const void *)byte == line_feeds);
    if (found[0] != 0) return byte + __builtin_ctzll(found[0]) / 8;
    if (found[1] != 0) return byte + 8 + __builtin_ctzll(found[1]) / 8;
  }
  while (byte < end && *byte != '\n') byte++;
  return byte;
}

/// How much of a text that is longer than a part goes into one: UTF-8 is not cut within a character.
static inline size_t part_of(const char *text) {
  size_t size = PART;
  while (size > PART - 3 && (text[size] & 0xC0) == 0x80) size--;
  return (text[size] & 0xC0) == 0x80 ? PART : size;
}

/// Takes in `size` bytes, in front of which there is room for the tail.
static void take_text(struct stream *stream, char *bytes, size_t size) {
  const char *start = bytes - stream->tail_size, *unseen = bytes, *end = bytes + size;
  memcpy(bytes - stream->tail_size, stream->tail, stream->tail_size);
  while (true) {
    const char *line_feed = find_line_feed(unseen, end);
    while (line_feed - start > PART) {
      size_t part = part_of(start);
      put_line(stream, 'P', start, part);
      start += part;
    }
    if (line_feed == end) break;
    put_line(stream, 'F', start, (size_t)(line_feed - start));
    start = unseen = line_feed + 1;
  }
  stream->tail_size = (size_t)(end - start);
  memcpy(stream->tail, start, stream->tail_size);
  stream->flush_at = stream->tail_size > 0 ? monotonic_now() + FLUSH : INT64_MAX;
}

// MARK: Reading

/// Reads once, not much where that may be more than the log has room for. Returns how much came; 0 at the end, or the
/// negated errno.
static long read_once(struct stream *stream) {
  if (!mask_is_needed()) {
    long count = CALL(read, stream->descriptor, scratch.output.text, segments_hold() ? PART : READ);
    if (count > 0) stamp(stream), take_text(stream, scratch.output.text, (size_t)count);
    return count;
  }
  long count = CALL(read, stream->descriptor, scratch.output.raw, segments_hold() ? PART : MASKED_READ);
  if (count <= 0) return count;
  stamp(stream);
  size_t size = mask(stream->masking, scratch.output.raw, (size_t)count, false, scratch.output.text);
  if (size > 0) take_text(stream, scratch.output.text, size);
  return count;
}

/// Writes what has no line feed at its end.
static void end_stream(struct stream *stream) {
  stamp(stream);
  if (mask_is_needed()) {
    size_t size = mask(stream->masking, scratch.output.raw, 0, true, scratch.output.text);
    take_text(stream, scratch.output.text, size);
  }
  if (stream->tail_size > 0 || stream->has_parts) put_line(stream, 'F', stream->tail, stream->tail_size);
  stream->tail_size = 0;
  stream->flush_at = INT64_MAX;
  if (!stream->is_held) watch(stream->descriptor, OUTPUT, 0, 0);
  CALL(close, stream->descriptor);
  stream->descriptor = -1;
}

/// Leaves what is printed where it is, so that whoever prints waits. The loop must not tell of it: that the other end was
/// closed, it would tell again and again.
static void hold(struct stream *stream) {
  watch(stream->descriptor, OUTPUT, 0, 0);
  stream->is_held = true;
}

void output_go_on(void) {
  for (uint32_t i = 0; i < 2; i++) {
    if (!streams[i].is_held || segments_are_full()) continue;
    streams[i].is_held = false;
    watch(streams[i].descriptor, OUTPUT, i, EPOLLIN);
  }
}

static void read_stream(struct stream *stream, size_t most) {
  size_t total = 0;
  long count = 1;
  while (total < most && !segments_are_full() && (count = read_once(stream)) > 0) {
    total += (size_t)count;
    if (segments_hold()) write_pending();
    // So little is most likely all there was: the loop tells of more.
    if (total == (size_t)count && count < LITTLE) break;
  }
  if (count == 0 || (count < 0 && count != -EAGAIN && count != -EINTR)) end_stream(stream);
  write_pending();
  if (segments_are_full() && stream->descriptor >= 0) hold(stream);
  if (total < READ / 4) return;
  scratch_was_used();
  // The kernel takes memory for a pipe only as it fills, but unprivileged users may have few large ones.
  if (!stream->is_large) CALL(fcntl, stream->descriptor, F_SETPIPE_SZ, LARGE_PIPE);
  stream->is_large = true;
}

void output_read(uint32_t index) {
  uint64_t number = segments.number, bytes = segments.bytes;
  if (streams[index].descriptor >= 0) read_stream(&streams[index], LARGE_PIPE);
  if (number != segments.number || bytes != segments.bytes) control_log_grew();
}

void output_finish(void) {
  segments_take_the_rest();
  for (int i = 0; i < 2; i++) {
    // Somebody outside the tree may have been handed the other end and print for ever: a pipe's worth is enough.
    if (streams[i].descriptor >= 0) read_stream(&streams[i], 2 * LARGE_PIPE);
    if (streams[i].descriptor >= 0) end_stream(&streams[i]);
  }
  write_pending();
  control_log_grew();
}

int64_t output_run(int64_t now) {
  // A log that is full is whole: a server may read it, and have it trimmed.
  if (segments_are_full()) return INT64_MAX;
  int64_t next = INT64_MAX;
  for (int i = 0; i < 2; i++) {
    struct stream *stream = &streams[i];
    if (stream->flush_at <= now) {
      stamp(stream);
      put_line(stream, 'P', stream->tail, stream->tail_size);
      stream->tail_size = 0;
      stream->flush_at = INT64_MAX;
      write_pending();
      control_log_grew();
    }
    if (stream->flush_at < next) next = stream->flush_at;
  }
  return next;
}
