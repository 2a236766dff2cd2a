#include "shim.h"

#include <sys/mman.h>
#include <sys/resource.h>

// Far more than an environment and a command line can be.
enum { FIRST_SIZE = 64 << 10, LARGEST = 16 << 20 };

static const struct {
  const char *name;
  int resource;
} limit_names[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},     {"cpu", RLIMIT_CPU},     {"data", RLIMIT_DATA},
    {"fsize", RLIMIT_FSIZE},     {"memlock", RLIMIT_MEMLOCK}, {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC},
    {"stack", RLIMIT_STACK},
};

/// Reads standard input to its end. Returns how many bytes, or the negated errno.
static long read_all(struct specification *specification) {
  size_t size = FIRST_SIZE, used = 0;
  char *bytes = map_memory(size);
  if (bytes == NULL) return -ENOMEM;
  long count;
  while ((count = CALL(read, 0, bytes + used, size - used)) != 0) {
    if (count == -EINTR) continue;
    if (count < 0) return count;
    used += (size_t)count;
    if (used < size) continue;
    if (size == LARGEST) return -E2BIG;
    long moved = CALL(mremap, bytes, size, size * 2, MREMAP_MAYMOVE);
    if (moved < 0 && moved > -4096) return moved;
    bytes = (char *)moved;
    size *= 2;
  }
  specification->memory = bytes;
  specification->memory_size = size;
  return (long)used;
}

static bool take_limit_value(const char **text, uint64_t *value) {
  const char *rest = after(*text, "unlimited");
  if (rest == NULL) return take_number(text, value);
  *text = rest;
  *value = RLIM_INFINITY;
  return true;
}

/// `NAME:SOFT:HARD`
static bool read_limit(struct specification *specification, const char *value) {
  if (specification->limit_count == LIMITS) return false;
  struct limit *limit = &specification->limits[specification->limit_count];
  const char *rest = NULL;
  for (size_t i = 0; rest == NULL && i < sizeof limit_names / sizeof limit_names[0]; i++) {
    rest = after(value, limit_names[i].name);
    if (rest != NULL && *rest != ':') rest = NULL;
    limit->name = limit_names[i].name;
    limit->resource = limit_names[i].resource;
  }
  if (rest == NULL || *rest++ != ':' || !take_limit_value(&rest, &limit->soft)) return false;
  if (*rest++ != ':' || !take_limit_value(&rest, &limit->hard) || *rest != 0) return false;
  specification->limit_count++;
  return limit->soft <= limit->hard;
}

static bool read_number(const char *value, uint64_t least, uint64_t most, uint64_t *number) {
  return take_number(&value, number) && *value == 0 && *number >= least && *number <= most;
}

/// `COLUMNSxROWS`
static bool read_terminal(struct specification *specification, const char *value) {
  uint64_t columns, rows;
  if (!take_number(&value, &columns) || *value++ != 'x' || columns - 1 >= UINT16_MAX) return false;
  if (!read_number(value, 1, UINT16_MAX, &rows)) return false;
  specification->has_terminal = true;
  specification->columns = (uint16_t)columns;
  specification->rows = (uint16_t)rows;
  return true;
}

static bool read_nice(struct specification *specification, const char *value) {
  uint64_t number;
  bool is_negative = *value == '-';
  if (!read_number(value + is_negative, 0, 20, &number)) return false;
  specification->nice = is_negative ? -(int)number : (int)number;
  return specification->has_nice = true;
}

static bool read_umask(struct specification *specification, const char *value) {
  int mask = 0;
  const char *digit = value;
  for (; *digit >= '0' && *digit <= '7' && mask <= 0777; digit++) mask = mask * 8 + (*digit - '0');
  specification->umask = mask;
  specification->has_umask = true;
  return digit > value && *digit == 0 && mask <= 0777;
}

static bool read_path(const char *value, const char **path) {
  *path = value;
  return *value == '/';
}

/// A name and a value that may stand in an environment: `NAME=…`.
static bool is_assignment(const char *value) {
  const char *sign = value;
  while (*sign != 0 && *sign != '=') sign++;
  return *sign == '=' && sign > value;
}

static bool is_identifier(const char *value) {
  const char *byte = value;
  while (*byte != 0 && *byte != '\n') byte++;
  return *byte == 0 && byte > value && (size_t)(byte - value) < sizeof record.id;
}

/// Takes in one record. False where it makes no sense.
static bool read_record(struct specification *s, const char *line) {
  const char *value;
  uint64_t number;
  if ((value = after(line, "argument="))) return s->arguments[s->argument_count++] = (char *)value, true;
  if ((value = after(line, "environment="))) {
    s->environment[s->environment_count++] = (char *)value;
    return is_assignment(value);
  }
  if ((value = after(line, "secret="))) return s->secrets[s->secret_count++] = (char *)value, true;
  if ((value = after(line, "id="))) return is_identifier(s->id = value);
  if ((value = after(line, "directory="))) return read_path(value, &s->directory);
  if ((value = after(line, "log="))) return read_path(value, &s->log);
  if ((value = after(line, "cgroup="))) return read_path(value, &s->cgroup);
  if ((value = after(line, "logBytes="))) return read_number(value, 1, INT64_MAX, &s->log_bytes);
  if ((value = after(line, "logFiles="))) return read_number(value, 1, UINT32_MAX, &s->log_files);
  if ((value = after(line, "logHold="))) return (s->log_hold = same(value, "1")) || same(value, "0");
  if ((value = after(line, "input="))) return (s->has_input = same(value, "pipe")) || same(value, "null");
  if ((value = after(line, "terminal="))) return read_terminal(s, value);
  if ((value = after(line, "limit="))) return read_limit(s, value);
  if ((value = after(line, "nice="))) return read_nice(s, value);
  if ((value = after(line, "umask="))) return read_umask(s, value);
  if ((value = after(line, "notify="))) return *(s->notify = value) != 0;
  if ((value = after(line, "version="))) return read_number(value, 1, 1, &number);
  return false;
}

/// A record's name, for messages: its value may be a secret.
static const char *name_of(char *line) {
  for (char *byte = line; *byte != 0; byte++)
    if (*byte == '=') *byte = 0;
  return line;
}

bool specification_read(struct specification *s, struct failure *failure) {
  long size = read_all(s);
  if (size < 0) return failed(failure, "specification", size, "standard input");
  char *bytes = s->memory;
  if (size == 0 || bytes[size - 1] != 0)
    return failed(failure, "specification", EINVAL, "it does not end with a record's end");
  if (!same(bytes, "version=1")) return failed(failure, "specification", EINVAL, "version");

  size_t records = 0;
  for (long i = 0; i < size; i++) records += bytes[i] == 0;
  // Each list ends with a null; launch.c may put a shell before the arguments, and NOTIFY_SOCKET into the environment.
  size_t room = records + 2;
  s->lists_size = 3 * room * sizeof *s->lists;
  s->lists = map_memory(s->lists_size);
  if (s->lists == NULL) return failed(failure, "specification", ENOMEM, "");
  s->arguments = s->lists + 1;
  s->environment = s->lists + room;
  s->secrets = s->lists + 2 * room;
  for (char *line = bytes; line < bytes + size; line += strlen(line) + 1)
    if (!read_record(s, line)) return failed(failure, "specification", EINVAL, name_of(line));
  const char *missing = s->id == NULL             ? "id"
                        : s->argument_count == 0  ? "argument"
                        : s->directory == NULL    ? "directory"
                        : s->log == NULL          ? "log"
                        : s->log_bytes == 0       ? "logBytes"
                        : s->log_files == 0       ? "logFiles"
                                                  : NULL;
  return missing == NULL || failed(failure, "specification", EINVAL, missing);
}

void specification_forget(struct specification *s) {
  unmap_memory(s->lists, s->lists_size);
  unmap_memory(s->memory, s->memory_size);
}
