#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth_load.h"

int berth_answer_http(int port) {
  static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0) return -1;
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return -1;
    }
    char request[4096];
    if (read(connection, request, sizeof request) > 0)
      if (write(connection, answer, sizeof answer - 1) < 0) errno = 0;
    close(connection);
  }
}

/// In a session of its own and deaf to every signal that can be refused.
static void hide(void) {
  setsid();
  for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
  // A child that has ended leaves nothing to be reaped.
  signal(SIGCHLD, SIG_IGN);
  for (int descriptor = 0; descriptor < 3; descriptor++) close(descriptor);
}

/// Shows that one of the processes is alive, and waits a little. Returns whether it is to go on.
static int show(const char *path, const char *sign, int index) {
  enum { STEP_MICROSECONDS = 2000 };
  char name[4096];
  snprintf(name, sizeof name, "%s.%d", sign, index);
  int file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0) {
    futimens(file, NULL);
    close(file);
  }
  usleep(STEP_MICROSECONDS);
  return access(path, F_OK) == 0;
}

int berth_resist(const char *path, const char *sign) {
  signal(SIGTERM, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  for (int index = 1; index < BERTH_RESISTING; index++) {
    if (fork() != 0) continue;
    // Twice, so that nobody is its parent.
    if (fork() != 0) _exit(0);
    hide();
    while (show(path, sign, index)) {
      // The first one stays, the others are a new process again and again.
      if (index > 1 && fork() != 0) _exit(0);
      if (index > 1) setsid();
    }
    _exit(0);
  }
  while (show(path, sign, 0)) continue;
  return 0;
}
