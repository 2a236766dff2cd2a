#include "shim.h"

#include <sys/resource.h>
#include <sys/wait.h>

enum { RESERVED = 4096 };

struct record record;

/// Files that get their names when they are full: `status` twice, at the start and when the first process has ended, and
/// `exit`. They exist before anything runs: on a disk that is full later, there is still room for them.
static struct {
  const char *name;
  int file;
} reserved[] = {{"status.first", -1}, {"status.next", -1}, {"exit.next", -1}};

enum { FIRST_STATUS, NEXT_STATUS, EXIT };

uint64_t process_start(int process) {
  char path_bytes[40], stat[1024];
  struct text path = {path_bytes, 0, sizeof path_bytes - 1};
  put(&path, "/proc/");
  put_number(&path, (uint64_t)process);
  put(&path, "/stat");
  path_bytes[path.used] = 0;
  long size = read_small_file(AT_FDCWD, path_bytes, stat, sizeof stat);
  // The name in field 2 may hold anything; the last parenthesis ends it.
  const char *field = stat + (size > 0 ? size : 0);
  while (field > stat && *field != ')') field--;
  for (int number = 2; number < 22 && *field != 0; field++) number += *field == ' ';
  uint64_t start = 0;
  take_number(&field, &start);
  return start;
}

void put_main_status(struct text *text) {
  int status = record.main_status;
  put(text, WIFSIGNALED(status) ? "signal " : "code ");
  put_number(text, (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
}

void record_put(struct text *text) {
  static char boot[64];
  if (boot[0] == 0) {
    long size = read_small_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    boot[size > 0 ? size - 1 : 0] = 0;
  }
  put_entry(text, "id", record.id);
  put_entry(text, "boot", boot);
  put_number_entry(text, "shim", (uint64_t)record.shim);
  put_number_entry(text, "shimStart", record.shim_start);
  put_number_entry(text, "main", (uint64_t)record.main);
  put_number_entry(text, "mainStart", record.main_start);
  put_time_entry(text, "started", record.started);
  if (!record.main_ended) return;
  put(text, "mainExit=");
  put_main_status(text);
  put(text, "\n");
  put_time_entry(text, "mainEnded", record.main_ended_at);
}

static int reserve(const char *name) {
  int file = (int)CALL(openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return file;
  long result = CALL(fallocate, file, 0, 0, RESERVED);
  // Not every file system can reserve; writing does it where it can't.
  char zeroes[RESERVED] = {0};
  if (result == -EOPNOTSUPP) result = CALL(pwrite64, file, zeroes, RESERVED, 0) == RESERVED ? 0 : -ENOSPC;
  if (result == 0) return file;
  CALL(close, file);
  return (int)result;
}

bool record_reserve(struct failure *failure) {
  for (int i = 0; i <= EXIT; i++) {
    reserved[i].file = reserve(reserved[i].name);
    if (reserved[i].file < 0) return failed(failure, "folder", reserved[i].file, reserved[i].name);
  }
  return true;
}

/// Fills a reserved file and gives it its name.
static void publish(int index, const char *name, const struct text *text) {
  int file = reserved[index].file;
  CALL(pwrite64, file, text->bytes, text->used, 0);
  CALL(ftruncate, file, text->used);
  CALL(close, file);
  CALL(renameat2, AT_FDCWD, reserved[index].name, AT_FDCWD, name, 0);
}

void record_update(void) {
  char bytes[RESERVED];
  struct text text = {bytes, 0, sizeof bytes};
  record_put(&text);
  publish(record.main_ended ? NEXT_STATUS : FIRST_STATUS, "status", &text);
}

void record_remove(void) {
  CALL(unlinkat, AT_FDCWD, reserved[FIRST_STATUS].name, 0);
  CALL(unlinkat, AT_FDCWD, reserved[NEXT_STATUS].name, 0);
}

static uint64_t milliseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_usec / 1000;
}

void record_end(const char *reason, const struct failure *failure) {
  char bytes[RESERVED];
  struct text text = {bytes, 0, sizeof bytes};
  record_put(&text);
  put_time_entry(&text, "ended", wall_now());
  put_entry(&text, "reason", reason);
  // Where not even this could be reserved, the server alone is told.
  if (reserved[EXIT].file < 0) return;
  if (failure != NULL) {
    put_entry(&text, "step", failure->step);
    put_number_entry(&text, "errno", (uint64_t)failure->error);
    put_entry(&text, "about", failure->about);
  } else {
    struct rusage usage = {0};
    CALL(getrusage, RUSAGE_CHILDREN, &usage);
    put_number_entry(&text, "userMs", milliseconds(usage.ru_utime));
    put_number_entry(&text, "systemMs", milliseconds(usage.ru_stime));
    put_number_entry(&text, "maxRssKb", (uint64_t)usage.ru_maxrss);
  }
  publish(EXIT, "exit", &text);
}
