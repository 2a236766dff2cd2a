#include "shim.h"

#include <sys/wait.h>

// A process belongs to the tree when its parents lead to the shim. As a subreaper, the shim becomes the parent of those
// whose own has ended, so that none leaves the tree by a double fork or a session of its own.

struct process {
  int number, parent;
  uint64_t start;
  char state;
  bool is_ours;
};

enum { CAPACITY = TABLE / sizeof(struct process) };

static struct {
  bool is_stopped;
  /// When SIGKILL begins, and when its next round is.
  int64_t kill_at, round_at, pause;
} stop = {.kill_at = INT64_MAX, .round_at = INT64_MAX};

static int cgroup = -1;

// MARK: Looking

/// Reads /proc/PID/stat. False where there is no such process any more.
static bool look(int folder, const char *number, struct process *process, struct text *name) {
  char path_bytes[32], bytes[512];
  struct text path = {path_bytes, 0, sizeof path_bytes - 1};
  put(&path, number);
  put(&path, "/stat");
  path_bytes[path.used] = 0;
  long size = read_small_file(folder, path_bytes, bytes, sizeof bytes);
  if (size <= 0) return false;
  // The name, in parentheses, may hold anything, parentheses too.
  const char *open = bytes, *close = bytes + size;
  while (open < close && *open != '(') open++;
  while (close > open && *close != ')') close--;
  if (close == open) return false;
  if (name != NULL) put_bytes(name, open + 1, (size_t)(close - open - 1));
  const char *field = close + 2;
  uint64_t value = 0;
  const char *digits = number;
  take_number(&digits, &value);
  process->number = (int)value;
  process->state = *field;
  field += 2;
  if (!take_number(&field, &value)) return false;
  process->parent = (int)value;
  for (int position = 4; position < 22 && *field != 0; field++) position += *field == ' ';
  return take_number(&field, &process->start);
}

static struct process *find(struct process *table, size_t count, int number) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (table[middle].number < number) low = middle + 1;
    else high = middle;
  }
  return low < count && table[low].number == number ? &table[low] : NULL;
}

/// Finds the processes of the tree that are alive, those that nobody has reaped left out.
static size_t scan(struct process **found) {
  struct process *table = (struct process *)(void *)scratch.control.table;
  size_t count = 0;
  int folder = (int)CALL(openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  char entries[4096];
  long size;
  // The kernel lists processes in the order of their numbers.
  while ((size = CALL(getdents64, folder, entries, sizeof entries)) > 0) {
    for (long offset = 0; offset < size && count < CAPACITY;) {
      const char *entry = entries + offset, *name = entry + 19;
      uint16_t length;
      memcpy(&length, entry + 16, sizeof length);
      offset += length;
      table[count].is_ours = false;
      if (*name >= '1' && *name <= '9' && look(folder, name, &table[count], NULL)) count++;
    }
  }
  CALL(close, folder);
  // Once more as long as a process was found whose parent has a higher number than its own.
  for (bool again = true; again;) {
    again = false;
    for (size_t i = 0; i < count; i++) {
      if (table[i].is_ours) continue;
      struct process *parent = find(table, count, table[i].parent);
      table[i].is_ours = table[i].parent == record.shim || (parent != NULL && parent->is_ours);
      again |= table[i].is_ours;
    }
  }
  size_t ours = 0;
  for (size_t i = 0; i < count; i++)
    if (table[i].is_ours && table[i].state != 'Z' && table[i].state != 'X') table[ours++] = table[i];
  if (count > 512) scratch_was_used();
  *found = table;
  return ours;
}

size_t tree_count(void) {
  struct process *table;
  return scan(&table);
}

void tree_list(struct text *text) {
  struct process *table;
  size_t count = scan(&table);
  int folder = (int)CALL(openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; i < count; i++) {
    char number_bytes[16], name_bytes[64];
    struct text number = {number_bytes, 0, sizeof number_bytes - 1}, name = {name_bytes, 0, sizeof name_bytes};
    put_number(&number, (uint64_t)table[i].number);
    number_bytes[number.used] = 0;
    struct process now;
    if (!look(folder, number_bytes, &now, &name) || now.start != table[i].start) continue;
    // A whole line or none.
    if (text->size - text->used < sizeof name_bytes + 64) break;
    put(text, number_bytes);
    put(text, " ");
    put_number(text, now.start);
    put(text, " ");
    put_number(text, (uint64_t)now.parent);
    put(text, " ");
    for (size_t byte = 0; byte < name.used; byte++)
      if (name_bytes[byte] == '\n') name_bytes[byte] = '?';
    put_bytes(text, name_bytes, name.used);
    put(text, "\n");
  }
  CALL(close, folder);
}

// MARK: Signals

/// Signals a process that was found in the tree. The number may have been given to another since: whatever the
/// descriptor leads to is the same process when the number still has the same start behind it.
static void send_signal(const struct process *process, int number) {
  int descriptor = (int)CALL(pidfd_open, process->number, 0);
  if (descriptor < 0) return;
  if (process_start(process->number) == process->start) CALL(pidfd_send_signal, descriptor, number, NULL, 0);
  CALL(close, descriptor);
}

/// Sends a signal, and where `then` is not 0, another after it.
static size_t signal_all(int number, int then) {
  struct process *table;
  size_t count = scan(&table);
  for (size_t i = 0; i < count; i++) {
    send_signal(&table[i], number);
    if (then != 0) send_signal(&table[i], then);
  }
  return count;
}

size_t tree_signal(int number) {
  return signal_all(number, 0);
}

long tree_signal_main(int number) {
  // Until it is reaped, which tree_reap does, its number is nobody else's.
  return record.main_ended ? -ESRCH : CALL(kill, record.main, number);
}

bool tree_reap(void) {
  while (true) {
    int status;
    long number = CALL(wait4, -1, &status, WNOHANG, NULL);
    if (number == -EINTR) continue;
    if (number <= 0) return number != -ECHILD;
    if (number != record.main || record.main_ended) continue;
    record.main_ended = true;
    record.main_status = status;
    record.main_ended_at = wall_now();
    record_update();
    control_push(PUSH_MAIN_EXITED);
  }
}

// MARK: Stopping

void tree_use_cgroup(int folder) {
  cgroup = folder;
}

bool tree_is_stopped(void) {
  return stop.is_stopped;
}

void tree_stop(int number, uint64_t grace_ms) {
  int64_t now = monotonic_now();
  uint64_t longest = (uint64_t)(INT64_MAX - now) / 1000000 - 1;
  int64_t kill_at = now + (int64_t)(grace_ms < longest ? grace_ms : longest) * 1000000;
  if (number == SIGKILL) kill_at = now;
  stop.is_stopped = true;
  if (kill_at < stop.kill_at) stop.kill_at = kill_at;
  if (number == SIGKILL) return;
  // A process that is stopped handles nothing until it goes on.
  signal_all(number, SIGCONT);
}

/// Kills all there are. Those that fork all the time are stopped first, in rounds that outrun them: what is stopped
/// does not fork, and what it had forked is found in the next round.
static void kill_round(void) {
  if (cgroup >= 0) {
    int file = (int)CALL(openat, cgroup, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
      CALL(write, file, "1", 1);
      CALL(close, file);
    }
  }
  for (int round = 0; round < 16; round++) {
    struct process *table;
    size_t count = scan(&table), running = 0;
    for (size_t i = 0; i < count; i++) {
      if (table[i].state == 'T' || table[i].state == 't') continue;
      send_signal(&table[i], SIGSTOP);
      running++;
    }
    if (running == 0) break;
  }
  tree_signal(SIGKILL);
}

int64_t tree_run(int64_t now) {
  enum { SHORTEST = 2000000, LONGEST = 1000000000 };
  if (now < stop.kill_at) return stop.kill_at;
  if (stop.round_at == INT64_MAX || now >= stop.round_at) {
    kill_round();
    // What can't be killed is looked at less and less often.
    stop.pause = stop.pause == 0 ? SHORTEST : stop.pause * 2 < LONGEST ? stop.pause * 2 : LONGEST;
    stop.round_at = monotonic_now() + stop.pause;
  }
  return stop.round_at;
}
