#include "shim.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

// One request a packet, one answer a packet. Nobody is waited for: an answer that a peer does not take is kept, and the
// peer's next request is read when it has been taken; pushes tell of states, and a slow peer is told the newest.

enum { PEERS = 64, LOG_PUSH_PAUSE = 1000000 };

struct peer {
  int descriptor;
  bool follows;
  /// What the loop tells of it.
  uint32_t events;
  /// The pushes that have not been sent.
  uint8_t owed;
  char *answer;
  size_t answer_size;
};

static int listener = -1;
static struct peer peers[PEERS];
static bool anyone_follows;
static int64_t log_push_at;
static bool log_push_is_due;

bool control_begin(struct failure *failure) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "control"};
  listener = (int)CALL(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return failed(failure, "control", listener, "");
  // The folder is this shim's own (see main.c): what stands here is a dead one's.
  CALL(unlinkat, AT_FDCWD, "control", 0);
  long mask = CALL(umask, 0177);
  long result = CALL(bind, listener, &address, sizeof address);
  CALL(umask, mask);
  if (result == 0) result = CALL(listen, listener, PEERS);
  if (result < 0) return failed(failure, "control", result, "");
  for (int i = 0; i < PEERS; i++) peers[i].descriptor = -1;
  watch(listener, LISTENER, 0, EPOLLIN);
  return true;
}

static bool is_owner(int descriptor) {
  struct ucred peer = {.uid = UINT32_MAX};
  socklen_t size = sizeof peer;
  CALL(getsockopt, descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size);
  return peer.uid == (uid_t)CALL(geteuid, 0) || peer.uid == 0;
}

void control_accept(void) {
  int descriptor = (int)CALL(accept4, listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0) return;
  uint32_t index = 0;
  while (index < PEERS && peers[index].descriptor >= 0) index++;
  if (index < PEERS && is_owner(descriptor)) {
    peers[index] = (struct peer){.descriptor = descriptor, .events = EPOLLIN};
    if (watch(descriptor, PEER, index, EPOLLIN)) return;
    peers[index].descriptor = -1;
  }
  CALL(close, descriptor);
}

static void drop(struct peer *peer) {
  CALL(close, peer->descriptor);
  if (peer->answer != NULL) unmap_memory(peer->answer, peer->answer_size);
  *peer = (struct peer){.descriptor = -1};
  anyone_follows = false;
  for (int i = 0; i < PEERS; i++) anyone_follows |= peers[i].descriptor >= 0 && peers[i].follows;
}

static long transmit(struct peer *peer, const char *bytes, size_t size) {
  return CALL(sendto, peer->descriptor, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
}

// MARK: Pushes

static void put_push(struct text *text, enum push push) {
  put(text, "! ");
  switch (push) {
  case PUSH_LOG:
    put(text, "log ");
    put_number(text, segments.number);
    put(text, " ");
    put_number(text, segments.bytes);
    break;
  case PUSH_MAIN_EXITED:
    put(text, "mainExited ");
    put_main_status(text);
    break;
  case PUSH_READY: put(text, "ready"); break;
  case PUSH_NOTIFY:
    put(text, "notify ");
    put(text, notify_status());
    break;
  case PUSH_ROOM: put(text, "room"); break;
  case PUSH_ENDED: put(text, "ended"); break;
  }
}

/// Sends what is owed, as far as the peer takes it.
static void deliver(struct peer *peer) {
  bool is_full = false;
  if (peer->answer != NULL) {
    is_full = transmit(peer, peer->answer, peer->answer_size) == -EAGAIN;
    if (!is_full) {
      unmap_memory(peer->answer, peer->answer_size);
      peer->answer = NULL;
    }
  }
  for (unsigned push = PUSH_LOG; push <= PUSH_ENDED && !is_full; push <<= 1) {
    if ((peer->owed & push) == 0) continue;
    char bytes[512];
    struct text text = {bytes, 0, sizeof bytes};
    put_push(&text, (enum push)push);
    is_full = transmit(peer, bytes, text.used) == -EAGAIN;
    if (!is_full) peer->owed &= (uint8_t)~push;
  }
  uint32_t events = (peer->answer == NULL ? EPOLLIN : 0u) | (is_full ? EPOLLOUT : 0u);
  if (events != peer->events) rewatch(peer->descriptor, PEER, (uint32_t)(peer - peers), events);
  peer->events = events;
}

void control_push(enum push push) {
  if (!anyone_follows) return;
  for (int i = 0; i < PEERS; i++) {
    struct peer *peer = &peers[i];
    if (peer->descriptor < 0 || !peer->follows) continue;
    // Who has not taken the last ones has a full queue; the loop tells when that changes.
    bool is_waiting = peer->owed != 0 || peer->answer != NULL;
    peer->owed |= (uint8_t)push;
    if (!is_waiting) deliver(peer);
  }
}

void control_log_grew(void) {
  log_push_is_due = anyone_follows;
}

int64_t control_run(int64_t now) {
  if (!log_push_is_due) return INT64_MAX;
  if (now < log_push_at) return log_push_at;
  log_push_is_due = false;
  log_push_at = now + LOG_PUSH_PAUSE;
  control_push(PUSH_LOG);
  return INT64_MAX;
}

void control_end(void) {
  CALL(unlinkat, AT_FDCWD, "control", 0);
  if (log_push_is_due) control_push(PUSH_LOG);
  control_push(PUSH_ENDED);
}

// MARK: Requests

static void put_error(struct text *answer, long error, const char *words) {
  put(answer, "error ");
  put_number(answer, (uint64_t)(error < 0 ? -error : error));
  put(answer, " ");
  put(answer, words);
}

/// Takes `number` and the space or the end behind it.
static bool take_argument(const char **text, uint64_t most, uint64_t *number) {
  if (!take_number(text, number) || *number > most || (**text != ' ' && **text != 0)) return false;
  if (**text == ' ') ++*text;
  return true;
}

static void put_status(struct text *answer) {
  record_put(answer);
  put_number_entry(answer, "processes", tree_count());
  put_number_entry(answer, "ready", notify_is_ready());
  put_entry(answer, "notifyStatus", notify_status());
  put_number_entry(answer, "segment", segments.number);
  put_number_entry(answer, "bytes", segments.bytes);
  put_number_entry(answer, "input", input_total());
  put_number_entry(answer, "dropped", segments.dropped);
  put_number_entry(answer, "held", segments_are_full());
}

static void put_result(struct text *answer, long result) {
  if (result < 0) put_error(answer, result, "refused");
  else put(answer, "ok");
}

static void follow(struct peer *peer) {
  // With what has been before, so that nothing falls between a question and this.
  peer->owed = PUSH_LOG | (record.main_ended ? PUSH_MAIN_EXITED : 0) | (notify_is_ready() ? PUSH_READY : 0) |
               (notify_status()[0] != 0 ? PUSH_NOTIFY : 0);
  peer->follows = anyone_follows = true;
}

/// Answers a request: a line, and the bytes behind it.
static void answer_request(struct peer *peer, const char *line, const char *bytes, size_t size, struct text *answer) {
  enum { LAST_SIGNAL = 64 };
  const char *rest;
  uint64_t number, other;
  if (same(line, "hello")) {
    put(answer, "hello 1 ");
    put_number(answer, (uint64_t)record.shim);
    put(answer, " ");
    put(answer, record.id);
  } else if (same(line, "status")) {
    put_status(answer);
  } else if (same(line, "pids")) {
    tree_list(answer);
  } else if (same(line, "follow")) {
    put(answer, "ok");
    follow(peer);
  } else if ((rest = after(line, "signal ")) && take_argument(&rest, LAST_SIGNAL, &number) && same(rest, "main")) {
    put_result(answer, tree_signal_main((int)number));
  } else if ((rest = after(line, "signal ")) && take_argument(&rest, LAST_SIGNAL, &number) && same(rest, "all")) {
    put_result(answer, tree_signal((int)number) > 0 ? 0 : -ESRCH);
  } else if ((rest = after(line, "stop ")) && take_argument(&rest, LAST_SIGNAL, &number) &&
             take_argument(&rest, UINT64_MAX, &other) && *rest == 0) {
    put(answer, "ok");
    tree_stop((int)number, other);
  } else if ((rest = after(line, "input ")) && take_argument(&rest, UINT64_MAX, &number) && *rest == 0) {
    input_request(number, bytes, size, answer);
  } else if ((rest = after(line, "inputEnd ")) && take_argument(&rest, UINT64_MAX, &number) && *rest == 0) {
    input_end(number, answer);
  } else if ((rest = after(line, "resize ")) && take_argument(&rest, UINT16_MAX, &number) &&
             take_argument(&rest, UINT16_MAX, &other) && *rest == 0) {
    put_result(answer, input_resize((uint16_t)number, (uint16_t)other));
  } else if ((rest = after(line, "trim ")) && take_argument(&rest, UINT64_MAX, &number) && *rest == 0) {
    put_result(answer, segments_trim(number));
    output_go_on();
  } else {
    put_error(answer, EINVAL, "not a request");
  }
}

void control_serve(uint32_t index, uint32_t events) {
  struct peer *peer = &peers[index];
  if (peer->descriptor < 0) return;
  if (events & EPOLLOUT) deliver(peer);
  if (peer->answer != NULL) {
    if (events & (EPOLLHUP | EPOLLERR)) drop(peer);
    return;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  char *packet = scratch.control.packet;
  long size = CALL(recvfrom, peer->descriptor, packet, PACKET, MSG_TRUNC, NULL, NULL);
  if (size == -EAGAIN || size == -EINTR) return;
  if (size <= 0) return drop(peer);
  struct text answer = {scratch.control.answer, 0, sizeof scratch.control.answer};
  if (size > PACKET) {
    put_error(&answer, EMSGSIZE, "a request has at most 256 KiB");
  } else {
    packet[size] = 0;
    size_t line = 0;
    while (packet[line] != 0 && packet[line] != '\n') line++;
    size_t bytes = line < (size_t)size ? line + 1 : line;
    packet[line] = 0;
    answer_request(peer, packet, packet + bytes, (size_t)size - bytes, &answer);
  }
  if (size > PART || answer.used > PART) scratch_was_used();
  if (transmit(peer, answer.bytes, answer.used) == -EAGAIN) {
    peer->answer = map_memory(answer.used);
    if (peer->answer == NULL) return drop(peer);
    memcpy(peer->answer, answer.bytes, answer.used);
    peer->answer_size = answer.used;
  }
  if (peer->owed != 0 || peer->answer != NULL) deliver(peer);
}
