#define _GNU_SOURCE
#include "berth_processes.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int berth_pidfd_open(int process) {
  return (int)syscall(SYS_pidfd_open, process, 0);
}

void berth_return_memory_from(int bytes) {
  mallopt(M_MMAP_THRESHOLD, bytes);
}

int berth_epoll_create(void) {
  return epoll_create1(EPOLL_CLOEXEC);
}

int berth_epoll_add_once(int epoll, int descriptor) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = descriptor};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int berth_epoll_wait(int epoll) {
  struct epoll_event event;
  for (;;) {
    int count = epoll_wait(epoll, &event, 1, -1);
    if (count == 1) return event.data.fd;
    if (count < 0 && errno != EINTR) return -1;
  }
}

void berth_name_thread(const char *name) {
  prctl(PR_SET_NAME, name, 0, 0, 0);
}

int berth_pipe(int ends[2]) {
  return pipe2(ends, O_CLOEXEC);
}

enum { MAXIMUM_DESCRIPTORS = 8 };

intptr_t berth_send_descriptors(int socket, const void *bytes, size_t length, const int *descriptors, size_t count) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(MAXIMUM_DESCRIPTORS * sizeof(int))];
  } control = {0};
  struct iovec data = {.iov_base = (void *)bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
  if (count > MAXIMUM_DESCRIPTORS) {
    errno = EINVAL;
    return -1;
  }
  if (count > 0) {
    message.msg_control = control.space;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
  }
  for (;;) {
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent >= 0 || errno != EINTR) return sent;
  }
}

intptr_t berth_receive_descriptors(
    int socket, void *bytes, size_t length, int *descriptors, size_t capacity, size_t *count) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(MAXIMUM_DESCRIPTORS * sizeof(int))];
  } control;
  struct iovec data = {.iov_base = bytes, .iov_len = length};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
  ssize_t received;
  *count = 0;
  do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (received < 0 && errno == EINTR);
  if (received < 0) return received;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t held = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < held; index++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(header) + index * sizeof(int), sizeof descriptor);
      if (*count < capacity) descriptors[(*count)++] = descriptor;
      else close(descriptor);
    }
  }
  return received;
}

static volatile int signal_pipe = -1;

static void forward_signal(int number) {
  int saved = errno;
  unsigned char byte = (unsigned char)number;
  if (write(signal_pipe, &byte, 1) < 0) {
    // The pipe is full of signals that have not been looked at: one more says nothing new.
  }
  errno = saved;
}

int berth_forward_signals(int pipe) {
  struct sigaction forward = {.sa_handler = forward_signal, .sa_flags = SA_RESTART};
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  signal_pipe = pipe;
  if (sigaction(SIGTERM, &forward, NULL) != 0 || sigaction(SIGINT, &forward, NULL) != 0 ||
      sigaction(SIGHUP, &forward, NULL) != 0)
    return -1;
  return sigaction(SIGPIPE, &ignore, NULL);
}

int berth_spawn(
    int *process, const char *program, char *const arguments[], char *const environment[], int input, int output,
    int error, int new_session) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  int result = posix_spawn_file_actions_init(&actions);
  if (result != 0) return result;
  result = posix_spawnattr_init(&attributes);
  if (result != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return result;
  }
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (new_session ? POSIX_SPAWN_SETSID : 0));
  // Each descriptor is above 2: a duplicate of a standard one would be overwritten before it is used.
  if ((result = posix_spawn_file_actions_adddup2(&actions, input, 0)) == 0 &&
      (result = posix_spawn_file_actions_adddup2(&actions, output, 1)) == 0 &&
      (result = posix_spawn_file_actions_adddup2(&actions, error, 2)) == 0 &&
      // What this process inherited and does not know of must not be held open by one that outlives it.
      (result = posix_spawn_file_actions_addclosefrom_np(&actions, 3)) == 0)
    result = posix_spawn(process, program, &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return result;
}
