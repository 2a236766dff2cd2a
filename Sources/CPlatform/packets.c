#define _GNU_SOURCE
#include "berth_packets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int berth_packet_connect(int folder, const char *name, int64_t timeout) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
  int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  // Where many connect at once, a listener's queue is full for a moment. poll(2) does not tell when it no longer is.
  struct timeval limit = {timeout / 1000000000, timeout % 1000000000 / 1000};
  setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  int result;
  do result = connect(descriptor, (const struct sockaddr *)&address, sizeof address);
  while (result != 0 && errno == EINTR);
  if (result == 0 && fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0) return descriptor;
  int error = errno == EAGAIN ? ETIMEDOUT : errno;
  close(descriptor);
  errno = error;
  return -1;
}

/// Waits for `events`. Returns 0, or -1 with errno set.
static int wait_for(int descriptor, short events, int64_t deadline) {
  for (;;) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t left = deadline - (now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
    if (left <= 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    struct timespec timeout = {left / 1000000000, left % 1000000000};
    struct pollfd request = {.fd = descriptor, .events = events};
    int count = ppoll(&request, 1, &timeout, NULL);
    if (count > 0) return 0;
    if (count < 0 && errno != EINTR) return -1;
  }
}

int berth_packet_send(int socket, const void *bytes, size_t length, int64_t deadline) {
  for (;;) {
    if (send(socket, bytes, length, MSG_NOSIGNAL) >= 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return -1;
    if (wait_for(socket, POLLOUT, deadline) != 0) return -1;
  }
}

intptr_t berth_packet_receive(int socket, void *bytes, size_t length, int64_t deadline) {
  for (;;) {
    ssize_t count = recv(socket, bytes, length, 0);
    if (count >= 0) return count;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || deadline == 0) return -1;
    if (wait_for(socket, POLLIN, deadline) != 0) return -1;
  }
}

intptr_t berth_read_until(int pipe, void *bytes, size_t length, int64_t deadline) {
  if (wait_for(pipe, POLLIN, deadline) != 0) return -1;
  ssize_t count;
  do count = read(pipe, bytes, length);
  while (count < 0 && errno == EINTR);
  return count;
}

int berth_epoll_add(int epoll, int descriptor) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int berth_epoll_wait_all(int epoll, int *descriptors, int capacity) {
  enum { MOST = 64 };
  struct epoll_event events[MOST];
  for (;;) {
    int count = epoll_wait(epoll, events, capacity < MOST ? capacity : MOST, -1);
    if (count < 0 && errno == EINTR) continue;
    for (int index = 0; index < count; index++) descriptors[index] = events[index].data.fd;
    return count;
  }
}

void berth_epoll_remove(int epoll, int descriptor) {
  epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL);
}

int berth_pidfd_send_signal(int descriptor, int number) {
  return (int)syscall(SYS_pidfd_send_signal, descriptor, number, NULL, 0);
}

int berth_memory_file(const void *bytes, size_t length) {
  int file = memfd_create("berth", MFD_CLOEXEC);
  if (file < 0) return -1;
  size_t written = 0;
  while (written < length) {
    ssize_t count = write(file, (const char *)bytes + written, length - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += (size_t)count;
  }
  if (written == length && lseek(file, 0, SEEK_SET) == 0) return file;
  int error = errno;
  close(file);
  errno = error;
  return -1;
}
