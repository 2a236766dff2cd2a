#include <errno.h>
#include <unistd.h>

#include "connection.h"

void berth_echo(int input, int output) {
  static char buffer[BERTH_READ_BYTES];
  for (;;) {
    ssize_t count = read(input, buffer, sizeof buffer);
    if (count <= 0) {
      if (count < 0 && errno == EINTR) continue;
      return;
    }
    if (berth_write_all(output, buffer, (size_t)count) != 0) return;
  }
}
