#include "shim.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>

enum { CAPACITY = 1 << 20 };

/// What the server has sent and the tree has not read. The buffer is there only while it holds something.
static struct {
  int descriptor;
  bool is_terminal, is_ended, is_waited_for;
  char *bytes;
  size_t start, used;
  uint64_t total;
} queue = {.descriptor = -1};

void input_begin(int descriptor, bool is_terminal) {
  queue.descriptor = descriptor;
  queue.is_terminal = is_terminal;
}

uint64_t input_total(void) {
  return queue.total;
}

static void put_answer(struct text *answer, const char *word) {
  put(answer, word);
  put(answer, " ");
  put_number(answer, queue.total);
}

static void forget(void) {
  if (queue.bytes == NULL) return;
  unmap_memory(queue.bytes, CAPACITY);
  queue.bytes = NULL;
  queue.start = queue.used = 0;
  watch(queue.descriptor, INPUT, 0, 0);
}

/// A pipe is closed. A terminal is told as a person does it, and stays open for what it shows.
static void end(void) {
  forget();
  if (queue.is_terminal) CALL(write, queue.descriptor, "\x04", 1);
  else CALL(close, queue.descriptor);
  queue.descriptor = queue.is_terminal ? queue.descriptor : -1;
}

/// Nobody reads any more.
static void break_off(void) {
  queue.is_ended = true;
  forget();
  if (!queue.is_terminal) CALL(close, queue.descriptor);
  if (!queue.is_terminal) queue.descriptor = -1;
}

void input_write(void) {
  while (queue.used > 0) {
    long count = CALL(write, queue.descriptor, queue.bytes + queue.start, queue.used);
    if (count == -EAGAIN || count == -EINTR) break;
    if (count < 0) return break_off();
    queue.start += (size_t)count;
    queue.used -= (size_t)count;
  }
  if (queue.is_waited_for && queue.used <= CAPACITY / 2) {
    queue.is_waited_for = false;
    control_push(PUSH_ROOM);
  }
  if (queue.used > 0) return;
  if (queue.is_ended) end();
  else forget();
}

void input_request(uint64_t offset, const char *bytes, size_t size, struct text *answer) {
  if (offset != queue.total) return put_answer(answer, "at");
  if (queue.descriptor < 0 || queue.is_ended) return put(answer, "error 32 the input has ended");
  if (size > CAPACITY - queue.used) {
    queue.is_waited_for = true;
    return put_answer(answer, "full");
  }
  // Most is small and read at once, and needs no buffer.
  if (queue.used == 0) {
    long count = CALL(write, queue.descriptor, bytes, size);
    if (count < 0 && count != -EAGAIN && count != -EINTR) {
      break_off();
      return put(answer, "error 32 nobody reads the input any more");
    }
    size_t written = count > 0 ? (size_t)count : 0;
    queue.total += written;
    bytes += written;
    size -= written;
  }
  if (size > 0 && queue.bytes == NULL) {
    queue.bytes = map_memory(CAPACITY);
    if (queue.bytes == NULL) return put_answer(answer, "at");
    watch(queue.descriptor, INPUT, 0, EPOLLOUT);
  }
  if (size > 0) {
    if (queue.start + queue.used + size > CAPACITY) {
      memmove(queue.bytes, queue.bytes + queue.start, queue.used);
      queue.start = 0;
    }
    memcpy(queue.bytes + queue.start + queue.used, bytes, size);
    queue.used += size;
    queue.total += size;
  }
  put_answer(answer, "ok");
}

void input_end(uint64_t offset, struct text *answer) {
  if (offset != queue.total) return put_answer(answer, "at");
  if (!queue.is_ended && queue.descriptor >= 0) {
    queue.is_ended = true;
    if (queue.used == 0) end();
  }
  put(answer, "ok");
}

long input_resize(uint16_t columns, uint16_t rows) {
  struct winsize size = {.ws_col = columns, .ws_row = rows};
  return queue.is_terminal ? CALL(ioctl, queue.descriptor, TIOCSWINSZ, &size) : -ENOTTY;
}
