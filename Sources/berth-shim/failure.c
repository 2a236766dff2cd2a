#include "shim.h"

bool failed(struct failure *failure, const char *step, long error, const char *about) {
  struct text text = {failure->about, 0, sizeof failure->about - 1};
  put(&text, about);
  text.bytes[text.used] = 0;
  // Told and written in a line.
  for (char *byte = text.bytes; *byte != 0; byte++)
    if (*byte == '\n') *byte = ' ';
  failure->step = step;
  failure->error = (int)(error < 0 ? -error : error);
  return false;
}
