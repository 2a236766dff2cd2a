#include "shim.h"

#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

// MARK: In the child, between fork and exec

/// Ends the child and tells the shim why. The pipe is closed by a successful exec, which thereby says nothing.
static _Noreturn void give_up(int report, const char *step, long error, const char *about) {
  struct failure failure = {0};
  failed(&failure, step, error, about);
  CALL(write, report, &failure, sizeof failure);
  end_process(127);
}

/// The kernel's own struct sigaction.
struct action {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};

static void reset_signals(void) {
  struct action standard = {0};
  for (int number = 1; number <= 64; number++) CALL(rt_sigaction, number, &standard, NULL, sizeof standard.mask);
  uint64_t none = 0;
  CALL(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

static const char *value_of(const struct specification *specification, const char *name) {
  for (size_t i = 0; i < specification->environment_count; i++) {
    const char *value = after(specification->environment[i], name);
    if (value != NULL && *value == '=') return value + 1;
  }
  return NULL;
}

/// Has the environment name the socket of notify.c, in place of the one that the server itself may have.
static void name_notify_socket(const struct specification *specification) {
  static char assignment[128];
  struct text text = {assignment, 0, sizeof assignment - 1};
  put(&text, "NOTIFY_SOCKET=@");
  put(&text, specification->notify);
  size_t index = 0;
  while (index < specification->environment_count && after(specification->environment[index], "NOTIFY_SOCKET=") == NULL)
    index++;
  specification->environment[index] = assignment;
}

/// Becomes the program at `path`, or the shell that reads it where it is a script that does not name its interpreter.
static long execute(const struct specification *specification, const char *path) {
  long error = CALL(execve, path, specification->arguments, specification->environment);
  if (error != -ENOEXEC) return error;
  // The list has room in front.
  char **arguments = specification->arguments - 1;
  char *first = arguments[1];
  arguments[0] = (char *)"/bin/sh";
  arguments[1] = (char *)path;
  error = CALL(execve, "/bin/sh", arguments, specification->environment);
  arguments[1] = first;
  return error;
}

/// Looks the program up as execvp(3) does. Returns the negated errno.
static long execute_program(const struct specification *specification) {
  const char *program = specification->arguments[0];
  for (const char *byte = program; *byte != 0; byte++)
    if (*byte == '/') return execute(specification, program);
  if (*program == 0) return -ENOENT;
  const char *path = value_of(specification, "PATH");
  if (path == NULL) path = "/usr/local/bin:/usr/bin:/bin";
  long error = -ENOENT;
  while (true) {
    const char *end = path;
    while (*end != 0 && *end != ':') end++;
    static char bytes[4096];
    struct text candidate = {bytes, 0, sizeof bytes - 1};
    put_bytes(&candidate, path, (size_t)(end - path));
    // An empty part is the working folder.
    put(&candidate, end > path ? "/" : "./");
    put(&candidate, program);
    bytes[candidate.used] = 0;
    long result = execute(specification, bytes);
    // Found but not to be run is the better reason, should nothing else be found.
    if (result == -EACCES) error = result;
    else if (result != -ENOENT && result != -ENOTDIR && result != -ENAMETOOLONG) return result;
    if (*end == 0) return error;
    path = end + 1;
  }
}

static _Noreturn void run_child(const struct specification *specification, const int standard[3], int report) {
  CALL(setsid, 0);
  reset_signals();
  if (specification->has_terminal) {
    long result = CALL(ioctl, standard[0], TIOCSCTTY, 0);
    if (result < 0) give_up(report, "terminal", result, "");
  }
  long result = CALL(chdir, specification->directory);
  if (result < 0) give_up(report, "directory", result, specification->directory);
  // None of these is below 3, so that none overwrites another.
  for (int number = 0; number < 3; number++) {
    result = CALL(dup3, standard[number], number, 0);
    if (result < 0) give_up(report, "fork", result, "dup3");
  }
  if (specification->has_umask) CALL(umask, specification->umask);
  if (specification->has_nice) {
    result = CALL(setpriority, PRIO_PROCESS, 0, specification->nice);
    if (result < 0) give_up(report, "limits", result, "nice");
  }
  for (size_t i = 0; i < specification->limit_count; i++) {
    const struct limit *limit = &specification->limits[i];
    uint64_t values[2] = {limit->soft, limit->hard};
    result = CALL(prlimit64, 0, limit->resource, values, NULL);
    if (result < 0) give_up(report, "limits", result, limit->name);
  }
  if (specification->notify != NULL) name_notify_socket(specification);
  give_up(report, "program", execute_program(specification), specification->arguments[0]);
}

// MARK: In the shim

static void close_all(int descriptors[], size_t count) {
  for (size_t i = 0; i < count; i++)
    if (descriptors[i] >= 0) CALL(close, descriptors[i]);
}

/// A terminal for all three. The shim keeps the inner end open too: what it reads ends when the tree does, and not
/// when a program closes its terminal and opens it again.
static long open_terminal(const struct specification *specification, struct ends *ends, int standard[3]) {
  int outer = (int)CALL(openat, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (outer < 0) return outer;
  int unlocked = 0;
  struct winsize size = {.ws_col = specification->columns, .ws_row = specification->rows};
  CALL(ioctl, outer, TIOCSPTLCK, &unlocked);
  CALL(ioctl, outer, TIOCSWINSZ, &size);
  int inner = (int)CALL(ioctl, outer, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (inner < 0) return inner;
  // Both are waited for, each for something else: that takes a descriptor each.
  int second = (int)CALL(fcntl, outer, F_DUPFD_CLOEXEC, 3);
  if (second < 0) return second;
  *ends = (struct ends){.input = second, .output = outer, .error = -1};
  standard[0] = standard[1] = standard[2] = inner;
  return 0;
}

static long open_pipes(const struct specification *specification, struct ends *ends, int standard[3]) {
  int pipes[3][2];
  for (int i = 0; i < 3; i++) {
    long result = CALL(pipe2, pipes[i], O_CLOEXEC);
    if (result < 0) return result;
  }
  // Only the shim's own ends: O_NONBLOCK is seen by all who have the same end open.
  CALL(fcntl, pipes[0][1], F_SETFL, O_NONBLOCK);
  CALL(fcntl, pipes[1][0], F_SETFL, O_NONBLOCK);
  CALL(fcntl, pipes[2][0], F_SETFL, O_NONBLOCK);
  standard[0] = pipes[0][0];
  standard[1] = pipes[1][1];
  standard[2] = pipes[2][1];
  *ends = (struct ends){.input = pipes[0][1], .output = pipes[1][0], .error = pipes[2][0]};
  if (specification->has_input) return 0;
  close_all(pipes[0], 2);
  ends->input = -1;
  standard[0] = (int)CALL(openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
  return standard[0] < 0 ? standard[0] : 0;
}

/// Forks, the child into a control group. One that is moved there later has every other fork of the machine wait
/// meanwhile; only where a sandbox keeps clone3 back does the child move by itself.
static long fork_into(int cgroup, int report) {
  struct clone_args arguments = {
      .flags = CLONE_INTO_CGROUP,
      .exit_signal = SIGCHLD,
      .cgroup = (uint64_t)cgroup,
  };
  long child = CALL(clone3, &arguments, sizeof arguments);
  if (child != -ENOSYS && child != -EPERM) return child;
  child = CALL(clone, SIGCHLD, 0, 0, 0, 0);
  if (child != 0) return child;
  int list = (int)CALL(openat, cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  // 0 is the process that writes it.
  long result = list < 0 ? list : CALL(write, list, "0", 1);
  if (result < 0) give_up(report, "cgroup", result, "cgroup.procs");
  return 0;
}

int launch(const struct specification *specification, int cgroup, struct ends *ends, struct failure *failure) {
  int standard[3], report[2];
  long result = specification->has_terminal ? open_terminal(specification, ends, standard)
                                            : open_pipes(specification, ends, standard);
  if (result < 0) return failed(failure, specification->has_terminal ? "terminal" : "fork", result, ""), -1;
  result = CALL(pipe2, report, O_CLOEXEC);
  if (result < 0) return failed(failure, "fork", result, ""), -1;
  int child = (int)(cgroup < 0 ? CALL(clone, SIGCHLD, 0, 0, 0, 0) : fork_into(cgroup, report[1]));
  if (child == 0) run_child(specification, standard, report[1]);
  CALL(close, report[1]);
  if (child < 0) return failed(failure, cgroup < 0 ? "fork" : "cgroup", child, ""), -1;
  if (!specification->has_terminal) close_all(standard, 3);
  // A successful exec closes the pipe and thereby ends it; the steps' names lie at the same address in both.
  long count;
  do count = CALL(read, report[0], failure, sizeof *failure);
  while (count == -EINTR);
  CALL(close, report[0]);
  if (count != sizeof *failure) return child;
  CALL(wait4, child, NULL, 0, NULL);
  return -1;
}
