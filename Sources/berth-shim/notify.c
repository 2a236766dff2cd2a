#include "shim.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

static int notify_socket = -1;
static bool is_ready;
static char status[256];

bool notify_begin(const char *name, struct failure *failure) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(name);
  if (length > sizeof address.sun_path - 1) return failed(failure, "notify", ENAMETOOLONG, name);
  // A leading NUL makes the name abstract: no file stands for it.
  memcpy(address.sun_path + 1, name, length);
  notify_socket = (int)CALL(socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (notify_socket < 0) return failed(failure, "notify", notify_socket, name);
  int on = 1;
  CALL(setsockopt, notify_socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  long result = CALL(bind, notify_socket, &address, offsetof(struct sockaddr_un, sun_path) + 1 + length);
  if (result < 0) return failed(failure, "notify", result, name);
  watch(notify_socket, NOTIFY, 0, EPOLLIN);
  return true;
}

bool notify_is_ready(void) {
  return is_ready;
}

const char *notify_status(void) {
  return status;
}

static void take_line(const char *line) {
  if (same(line, "READY=1") && !is_ready) {
    is_ready = true;
    control_push(PUSH_READY);
  }
  const char *value = after(line, "STATUS=");
  if (value == NULL) return;
  struct text text = {status, 0, sizeof status - 1};
  put(&text, value);
  status[text.used] = 0;
  control_push(PUSH_NOTIFY);
}

void notify_read(void) {
  char bytes[2048];
  // Just room for the sender's credentials: descriptors sent along are closed by the kernel.
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(struct ucred))];
  } control;
  while (true) {
    struct iovec data = {bytes, sizeof bytes - 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    long size = CALL(recvmsg, notify_socket, &message, MSG_CMSG_CLOEXEC);
    if (size < 0) return;
    struct ucred sender = {.uid = UINT32_MAX};
    if (message.msg_controllen >= sizeof control.header && control.header.cmsg_level == SOL_SOCKET &&
        control.header.cmsg_type == SCM_CREDENTIALS)
      memcpy(&sender, CMSG_DATA(&control.header), sizeof sender);
    if (sender.uid != (uid_t)CALL(geteuid, 0)) continue;
    bytes[size] = 0;
    char *line = bytes;
    for (char *byte = bytes; byte <= bytes + size; byte++) {
      if (*byte != '\n' && *byte != 0) continue;
      *byte = 0;
      take_line(line);
      line = byte + 1;
    }
  }
}
