#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "connection.h"

int berth_replace_file(int folder, const char *name, const char *bytes, size_t length, size_t count) {
  char temporary[64];
  for (size_t index = 0; index < count; index++) {
    snprintf(temporary, sizeof temporary, ".%zu.new", index);
    int file = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0) return -1;
    int status = berth_write_all(file, bytes, length);
    close(file);
    if (status != 0 || renameat(folder, temporary, folder, name) != 0) return -1;
  }
  return 0;
}
