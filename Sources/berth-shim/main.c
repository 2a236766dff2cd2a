#include "shim.h"

#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

// `berth-shim FOLDER`, with a specification on standard input (specification.c) and an answer on standard output:
// `started SHIM MAIN START` or `failed STEP ERRNO ABOUT`.

union scratch scratch;

static int loop = -1, child_signals = -1, folder = -1;
static int64_t forget_at = INT64_MAX, look_at;

// MARK: The event loop

static bool change_watch(int operation, int descriptor, enum source source, uint32_t index, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = (uint64_t)source << 32 | index};
  return CALL(epoll_ctl, loop, operation, descriptor, &event) == 0;
}

bool watch(int descriptor, enum source source, uint32_t index, uint32_t events) {
  return change_watch(events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, descriptor, source, index, events);
}

void rewatch(int descriptor, enum source source, uint32_t index, uint32_t events) {
  change_watch(EPOLL_CTL_MOD, descriptor, source, index, events);
}

void scratch_was_used(void) {
  forget_at = monotonic_now() + 1000000000;
}

/// Ends a tree whose folder was removed, as nobody can reach it any more. Returns when to look again.
static int64_t folder_run(int64_t now) {
  enum { GRACE_MS = 10000 };
  if (now < look_at) return look_at;
  look_at = now + INT64_C(30000000000);
  struct statx status = {.stx_nlink = 1};
  CALL(statx, folder, "", AT_EMPTY_PATH, STATX_NLINK, &status);
  if (status.stx_nlink == 0 && !tree_is_stopped()) tree_stop(SIGTERM, GRACE_MS);
  return look_at;
}

/// Runs what is due. Returns for how many milliseconds there is nothing to do; -1 for ever.
static int run_due(void) {
  int64_t now = monotonic_now();
  if (now >= forget_at) {
    forget_memory(&scratch, sizeof scratch);
    forget_at = INT64_MAX;
  }
  int64_t due[] = {forget_at, folder_run(now), tree_run(now), output_run(now), control_run(now)};
  int64_t next = INT64_MAX;
  for (size_t i = 0; i < sizeof due / sizeof due[0]; i++)
    if (due[i] < next) next = due[i];
  if (next == INT64_MAX) return -1;
  now = monotonic_now();
  int64_t milliseconds = next > now ? (next - now + 999999) / 1000000 : 0;
  return milliseconds < INT32_MAX ? (int)milliseconds : INT32_MAX;
}

/// Serves until no process of the tree is left.
static void serve(void) {
  bool is_alive = tree_reap();
  while (is_alive) {
    struct epoll_event events[16];
    long count = CALL(epoll_pwait, loop, events, 16, run_due(), NULL, 8);
    for (long i = 0; i < count; i++) {
      uint32_t index = (uint32_t)events[i].data.u64;
      switch ((enum source)(events[i].data.u64 >> 32)) {
      case SIGNALS: {
        char information[128];
        CALL(read, child_signals, information, sizeof information);
        is_alive = tree_reap();
        break;
      }
      case LISTENER: control_accept(); break;
      case PEER: control_serve(index, events[i].events); break;
      case OUTPUT: output_read(index); break;
      case INPUT: input_write(); break;
      case NOTIFY: notify_read(); break;
      }
    }
  }
}

// MARK: Beginning

/// Only the death of children is of interest; nothing that is sent to a shim ends it but SIGKILL.
static long prepare_signals(void) {
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
  } ignore = {.handler = SIG_IGN}, standard = {0};
  for (int number = 1; number <= 64; number++) {
    bool is_fault = number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGTRAP;
    bool is_standard = number == SIGCHLD || is_fault;
    CALL(rt_sigaction, number, is_standard ? &standard : &ignore, NULL, sizeof ignore.mask);
  }
  uint64_t children = UINT64_C(1) << (SIGCHLD - 1);
  CALL(rt_sigprocmask, SIG_SETMASK, &children, NULL, sizeof children);
  child_signals = (int)CALL(signalfd4, -1, &children, sizeof children, O_CLOEXEC | O_NONBLOCK);
  if (child_signals < 0) return child_signals;
  return watch(child_signals, SIGNALS, 0, EPOLLIN) ? 0 : -ENOMEM;
}

/// Leaves the server: its session, its descriptors, its place as a parent. Returns in the child only.
static long leave(int *answer) {
  long child = CALL(clone, SIGCHLD, 0, 0, 0, 0);
  if (child < 0) return child;
  if (child > 0) end_process(0);
  CALL(setsid, 0);
  CALL(close_range, 3, ~0u, 0);
  *answer = (int)CALL(fcntl, 1, F_DUPFD_CLOEXEC, 3);
  int null = (int)CALL(openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return null;
  for (int number = 0; number < 3; number++) CALL(dup3, null, number, 0);
  CALL(close, null);
  return 0;
}

static bool open_folder(const char *path, struct failure *failure) {
  long result = CALL(chdir, path);
  if (result < 0) return failed(failure, "folder", result, path);
  // Held for as long as the shim lives: a folder has one.
  folder = (int)CALL(openat, AT_FDCWD, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  result = folder < 0 ? folder : CALL(flock, folder, LOCK_EX | LOCK_NB);
  return result == 0 || failed(failure, "folder", result, path);
}

/// From the folder to the running tree.
static bool begin(const struct specification *specification, struct failure *failure) {
  struct text id = {record.id, 0, sizeof record.id - 1};
  put(&id, specification->id);
  record.shim = (int)CALL(getpid, 0);
  record.shim_start = process_start(record.shim);
  CALL(madvise, &scratch, sizeof scratch, MADV_NOHUGEPAGE);
  long result = CALL(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (result == 0) result = prepare_signals();
  if (result < 0) return failed(failure, "fork", result, "");
  if (!record_reserve(failure) || !segments_open(specification, failure) || !mask_prepare(specification, failure) ||
      !control_begin(failure))
    return false;
  if (specification->notify != NULL && !notify_begin(specification->notify, failure)) return false;
  int cgroup = -1;
  if (specification->cgroup != NULL) {
    cgroup = (int)CALL(openat, AT_FDCWD, specification->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cgroup < 0) return failed(failure, "cgroup", cgroup, specification->cgroup);
    tree_use_cgroup(cgroup);
  }
  struct ends ends;
  record.started = wall_now();
  record.main = launch(specification, cgroup, &ends, failure);
  if (record.main < 0) {
    record.main = 0;
    return false;
  }
  record.main_start = process_start(record.main);
  record_update();
  output_begin(ends.output, ends.error);
  input_begin(ends.input, specification->has_terminal);
  return true;
}

static _Noreturn void answer_failure(int answer, const struct failure *failure) {
  char bytes[512];
  struct text text = {bytes, 0, sizeof bytes};
  put(&text, "failed ");
  put(&text, failure->step);
  put(&text, " ");
  put_number(&text, (uint64_t)failure->error);
  put(&text, " ");
  put(&text, failure->about);
  put(&text, "\n");
  CALL(write, answer, bytes, text.used);
  end_process(1);
}

static void answer_start(int answer) {
  char bytes[96];
  struct text text = {bytes, 0, sizeof bytes};
  put(&text, "started ");
  put_number(&text, (uint64_t)record.shim);
  put(&text, " ");
  put_number(&text, (uint64_t)record.main);
  put(&text, " ");
  put_number(&text, record.main_start);
  put(&text, "\n");
  CALL(write, answer, bytes, text.used);
  CALL(close, answer);
}

int shim_main(int count, char **arguments) {
  static struct specification specification;
  static struct failure failure;
  int answer = 1;
  if (count != 2) {
    failed(&failure, "folder", EINVAL, "usage: berth-shim FOLDER, with a specification on standard input");
    answer_failure(answer, &failure);
  }
  if (!specification_read(&specification, &failure)) answer_failure(answer, &failure);
  long result = leave(&answer);
  loop = (int)CALL(epoll_create1, EPOLL_CLOEXEC);
  if (result < 0 || loop < 0) failed(&failure, "fork", result < 0 ? result : loop, "");
  else if (open_folder(arguments[1], &failure) && !begin(&specification, &failure)) {
    CALL(unlinkat, AT_FDCWD, "control", 0);
    record_remove();
    record_end("failed", &failure);
  }
  if (failure.step != NULL) answer_failure(answer, &failure);
  specification_forget(&specification);
  answer_start(answer);
  serve();
  output_finish();
  segments_close();
  record_end(tree_is_stopped() ? "stopped" : "exited", NULL);
  control_end();
  end_process(0);
}
