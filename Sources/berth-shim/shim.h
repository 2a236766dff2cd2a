// One process that holds another, and all that comes of it: its tree.
//
// A server starts a shim, asks and commands it over a socket, and may go; the shim stays until the last process of the
// tree is gone. It writes what the tree prints to a log and, before it ends, how the tree ended to a file. It is one
// thread with one event loop; each file here holds one subject, and is called by the loop in main.c.

#ifndef BERTH_SHIM_H
#define BERTH_SHIM_H

#include "system.h"
#include "text.h"

// MARK: failure.c — what can go wrong before the tree is there

/// Why a tree could not be started: the step, the error number, and what it was about.
struct failure {
  const char *step;
  int error;
  char about[256];
};

/// Notes a failure and returns false, so that a step can say `return failed(…)`. `error` may be negated.
bool failed(struct failure *failure, const char *step, long error, const char *about);

// MARK: specification.c — what is to be run, and how

enum { LIMITS = 16 };

struct limit {
  const char *name;
  int resource;
  uint64_t soft, hard;
};

/// What came on standard input. All pointers lead into one mapping, which is given back once the tree runs: an
/// environment is large, and full of secrets.
struct specification {
  const char *id, *directory, *log, *notify, *cgroup;
  char **arguments, **environment, **secrets;
  size_t argument_count, environment_count, secret_count;
  uint64_t log_bytes, log_files;
  bool log_hold;
  struct limit limits[LIMITS];
  size_t limit_count;
  bool has_input, has_terminal, has_nice, has_umask;
  uint16_t columns, rows;
  int nice, umask;
  void *memory;
  char **lists;
  size_t memory_size, lists_size;
};

bool specification_read(struct specification *specification, struct failure *failure);
void specification_forget(struct specification *specification);

// MARK: launch.c — from the specification to the running program

/// The shim's ends of what the tree's first process has at 0, 1 and 2; -1 where there is none.
struct ends {
  int input, output, error;
};

/// Starts the program, in a control group where `cgroup` is one. Returns its process number, or -1 when nothing runs.
int launch(const struct specification *specification, int cgroup, struct ends *ends, struct failure *failure);

// MARK: record.c — what the folder tells, with or without a shim

/// What is known of the tree. Kept up to date by main.c and tree.c.
struct record {
  char id[256];
  int shim, main;
  uint64_t shim_start, main_start;
  struct timespec started, main_ended_at;
  bool main_ended;
  int main_status;
};
extern struct record record;

/// Reserves room for all that is written later, so that it can't fail.
bool record_reserve(struct failure *failure);
/// Writes `status`: once when the first process is there, and once when it has ended.
void record_update(void);
/// Removes what was reserved for `status`.
void record_remove(void);
/// Writes `exit`: for `reason` "exited" and "stopped" with what the tree used, for "failed" with the failure.
void record_end(const char *reason, const struct failure *failure);
void record_put(struct text *text);
/// `code N` or `signal N`.
void put_main_status(struct text *text);
/// Field 22 of /proc/PID/stat: with the process number, it names a process for as long as the machine is up.
uint64_t process_start(int process);

// MARK: tree.c — all descendants

enum { NO_PROCESSES = -1 };

/// Reaps what has ended. Returns whether a process is left.
bool tree_reap(void);
size_t tree_count(void);
void tree_list(struct text *text);
/// Sends a signal to every process of the tree. Returns how many there are.
size_t tree_signal(int number);
/// Sends a signal to the first process. Returns 0 or the negated errno.
long tree_signal_main(int number);
/// Ends the tree: `number` now, SIGKILL after the grace. A later call can only shorten the grace.
void tree_stop(int number, uint64_t grace_ms);
bool tree_is_stopped(void);
void tree_use_cgroup(int folder);
/// What is due. Returns when more will be; INT64_MAX for never.
int64_t tree_run(int64_t now);

// MARK: segments.c — the log's files

bool segments_open(const struct specification *specification, struct failure *failure);
/// Writes whole log lines. What can't be written is dropped and counted.
void segments_write(const char *lines, size_t size);
/// How many bytes more fit before the next segment is begun.
uint64_t segments_room(void);
/// Whether the log holds what it has until `segments_trim`; and whether it may have no more, so that what the tree prints
/// has to wait.
bool segments_hold(void);
bool segments_are_full(void);
/// Removes all segments below `number`. Returns 0 or the negated errno.
long segments_trim(uint64_t number);
/// Takes in what is left of a tree that has ended, beyond what the log may have.
void segments_take_the_rest(void);
void segments_close(void);

struct segments {
  uint64_t number, bytes, dropped;
};
extern struct segments segments;

// MARK: mask.c — secrets

enum { LONGEST_SECRET = 64 << 10 };

/// A stream's bytes that may be the beginning of a secret and wait for what follows; `covered` of them belong to a
/// secret already replaced that may overlap with another.
struct masking {
  char *held;
  size_t held_size, covered;
};
/// Of standard output and standard error.
extern struct masking maskings[2];

bool mask_prepare(const struct specification *specification, struct failure *failure);
bool mask_is_needed(void);
/// Replaces the secrets in `size` bytes, in front of which there is room for those held. `out` takes three times both.
/// Returns how many bytes it wrote.
size_t mask(struct masking *masking, char *bytes, size_t size, bool is_last, char *out);

// MARK: output.c — from what the tree prints to log lines

void output_begin(int output, int error);
void output_read(uint32_t stream);
/// Reads on, after the log was full.
void output_go_on(void);
/// Reads what is left when the tree is gone, and writes last lines that have no end.
void output_finish(void);
int64_t output_run(int64_t now);

// MARK: input.c — from the server to the tree

void input_begin(int descriptor, bool is_terminal);
void input_request(uint64_t offset, const char *bytes, size_t size, struct text *answer);
void input_end(uint64_t offset, struct text *answer);
void input_write(void);
long input_resize(uint16_t columns, uint16_t rows);
uint64_t input_total(void);

// MARK: notify.c — sd_notify(3)

bool notify_begin(const char *name, struct failure *failure);
void notify_read(void);
bool notify_is_ready(void);
const char *notify_status(void);

// MARK: control.c — the server's questions and commands

enum push {
  PUSH_LOG = 1, PUSH_MAIN_EXITED = 2, PUSH_READY = 4, PUSH_NOTIFY = 8, PUSH_ROOM = 16, PUSH_ENDED = 32
};

bool control_begin(struct failure *failure);
void control_accept(void);
void control_serve(uint32_t peer, uint32_t events);
/// Tells those who follow. Who does not read is told the newest when there is room again.
void control_push(enum push push);
/// As `control_push(PUSH_LOG)`, but at most once a millisecond.
void control_log_grew(void);
int64_t control_run(int64_t now);
void control_end(void);

// MARK: main.c — the event loop

enum source { SIGNALS, LISTENER, PEER, OUTPUT, INPUT, NOTIFY };

/// Has the loop call the source's function when one of `events` is there; 0 for no more.
bool watch(int descriptor, enum source source, uint32_t index, uint32_t events);
void rewatch(int descriptor, enum source source, uint32_t index, uint32_t events);

/// One area of memory for whichever event is being handled, given back when the shim has been quiet. It is whole pages,
/// of the largest size there is: nothing else is given back with it.
enum { PART = 16 << 10, READ = 256 << 10, MASKED_READ = 64 << 10, OUT = 512 << 10, PACKET = 256 << 10, TABLE = 1 << 20 };

union scratch {
  struct {
    char held_room[LONGEST_SECRET], raw[MASKED_READ + 64];
    char tail_room[PART], text[3 * (LONGEST_SECRET + MASKED_READ) + 64];
    char lines[OUT];
  } output;
  struct {
    char packet[PACKET + 8], answer[128 << 10], table[TABLE];
  } control;
} __attribute__((aligned(64 << 10)));
extern union scratch scratch;
/// To be called by who has used more than a few pages of it.
void scratch_was_used(void);

#endif
