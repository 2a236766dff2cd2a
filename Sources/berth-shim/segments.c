#include "shim.h"

#include <sys/file.h>

// The log lies in segments `0000000001.log`, counted up for ever. The newest ones are kept; or, where the log holds what
// it has, all of them are until a server says up to where it has them, and the tree waits when there are too many.

enum { NAME = 15 };

struct segments segments;

static struct {
  int folder, file;
  uint64_t bytes, files;
  bool holds;
  /// The lowest number that is there; of interest where the log holds.
  uint64_t oldest;
} log = {.folder = -1, .file = -1};

static const char *name_of(uint64_t number, char name[NAME]) {
  struct text text = {name, 0, NAME - 1};
  put_padded(&text, number, 10);
  put(&text, ".log");
  name[text.used] = 0;
  return name;
}

/// The number in a segment's name; 0 for what is none.
static uint64_t number_of(const char *name) {
  uint64_t number = 0;
  const char *rest = name;
  return take_number(&rest, &number) && rest == name + 10 && same(rest, ".log") ? number : 0;
}

/// Calls `body` with each segment's number. Names may be passed over where files go at the same time.
static void each_segment(void (*body)(uint64_t number)) {
  char entries[4096];
  long size;
  CALL(lseek, log.folder, 0, SEEK_SET);
  while ((size = CALL(getdents64, log.folder, entries, sizeof entries)) > 0) {
    for (long offset = 0; offset < size;) {
      const char *entry = entries + offset;
      uint16_t length;
      memcpy(&length, entry + 16, sizeof length);
      offset += length;
      uint64_t number = number_of(entry + 19);
      if (number > 0) body(number);
    }
  }
}

static void find_newest(uint64_t number) {
  if (number > segments.number) segments.number = number;
}

static void find_oldest(uint64_t number) {
  if (number < log.oldest) log.oldest = number;
}

/// The folder is asked, not what is remembered: others may have removed segments too.
static void look_for_oldest(void) {
  log.oldest = segments.number;
  each_segment(find_oldest);
}

static void remove_old(uint64_t number) {
  char name[NAME];
  if (number + log.files <= segments.number) CALL(unlinkat, log.folder, name_of(number, name), 0);
}

/// Begins the next segment. The log goes on in the old one where that can't be.
static void rotate(void) {
  char name[NAME];
  // The oldest goes first, for the room that it takes.
  uint64_t next = segments.number + 1;
  if (!log.holds && next > log.files) CALL(unlinkat, log.folder, name_of(next - log.files, name), 0);
  int flags = O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
  int file = (int)CALL(openat, log.folder, name_of(next, name), flags, 0600);
  if (file < 0) return;
  if (log.file >= 0) CALL(close, log.file);
  log.file = file;
  segments.number = next;
  segments.bytes = 0;
}

/// Goes on in the newest segment, whose last line a killed shim may have cut.
static long go_on(void) {
  char name[NAME], last = '\n';
  log.file = (int)CALL(openat, log.folder, name_of(segments.number, name), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  if (log.file < 0) return log.file;
  long size = CALL(lseek, log.file, 0, SEEK_END);
  if (size > 0) CALL(pread64, log.file, &last, 1, size - 1);
  segments.bytes = (uint64_t)size;
  if (last != '\n' && CALL(write, log.file, "\n", 1) == 1) segments.bytes++;
  return 0;
}

bool segments_open(const struct specification *specification, struct failure *failure) {
  log.bytes = specification->log_bytes;
  log.files = specification->log_files;
  log.holds = specification->log_hold;
  log.folder = (int)CALL(openat, AT_FDCWD, specification->log, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (log.folder < 0) return failed(failure, "log", log.folder, specification->log);
  // Two that write into one segment would each believe in a size of their own.
  long result = CALL(flock, log.folder, LOCK_EX | LOCK_NB);
  if (result < 0) return failed(failure, "log", result, specification->log);
  each_segment(find_newest);
  if (segments.number > 0) result = go_on();
  look_for_oldest();
  if (segments.number == 0 || (segments.bytes >= log.bytes && !segments_are_full())) rotate();
  if (segments.number == 1) log.oldest = 1;
  if (!log.holds) each_segment(remove_old);
  if (log.file >= 0) return true;
  return failed(failure, "log", result < 0 ? result : ENOSPC, specification->log);
}

uint64_t segments_room(void) {
  return segments.bytes < log.bytes ? log.bytes - segments.bytes : 0;
}

bool segments_hold(void) {
  return log.holds;
}

bool segments_are_full(void) {
  return log.holds && segments.bytes >= log.bytes && segments.number - log.oldest + 1 >= log.files;
}

long segments_trim(uint64_t number) {
  // Nothing more comes into the one that is written to when the log is full: it may go too.
  if (number == segments.number + 1 && segments_are_full()) rotate();
  if (number > segments.number) return -EINVAL;
  long result = 0;
  look_for_oldest();
  for (uint64_t each = log.oldest; each < number; each++) {
    char name[NAME];
    long removed = CALL(unlinkat, log.folder, name_of(each, name), 0);
    if (removed < 0 && removed != -ENOENT && result == 0) result = removed;
  }
  look_for_oldest();
  return result;
}

void segments_take_the_rest(void) {
  if (log.holds) log.files = UINT64_MAX;
}

static uint64_t count_lines(const char *bytes, size_t size) {
  uint64_t count = 0;
  for (size_t i = 0; i < size; i++) count += bytes[i] == '\n';
  return count;
}

void segments_write(const char *lines, size_t size) {
  // What has been read finds its place even where the log is full.
  if (segments.bytes >= log.bytes && !segments_are_full()) rotate();
  size_t written = 0;
  while (written < size) {
    long count = CALL(write, log.file, lines + written, size - written);
    if (count == -EINTR) continue;
    if (count <= 0) break;
    written += (size_t)count;
  }
  if (written < size) {
    // No half line stays.
    size_t whole = written;
    while (whole > 0 && lines[whole - 1] != '\n') whole--;
    CALL(ftruncate, log.file, segments.bytes + whole);
    segments.dropped += count_lines(lines + whole, size - whole);
    written = whole;
  }
  segments.bytes += written;
}

void segments_close(void) {
  CALL(close, log.file);
  CALL(close, log.folder);
}
