// Text in a buffer of fixed size. What does not fit is cut off.

#ifndef BERTH_SHIM_TEXT_H
#define BERTH_SHIM_TEXT_H

#include "system.h"

struct text {
  char *bytes;
  size_t used, size;
};

void put_bytes(struct text *text, const char *bytes, size_t count);
void put(struct text *text, const char *string);
void put_number(struct text *text, uint64_t number);
/// At least `digits` digits.
void put_padded(struct text *text, uint64_t number, int digits);
/// RFC 3339 in UTC with nanoseconds: always 30 bytes.
void put_time(struct text *text, struct timespec time);
/// `key=value` and a line feed.
void put_entry(struct text *text, const char *key, const char *value);
void put_number_entry(struct text *text, const char *key, uint64_t value);
void put_time_entry(struct text *text, const char *key, struct timespec time);

/// Reads decimal digits and moves `*string` behind them. False where there are none or too many.
bool take_number(const char **string, uint64_t *number);

#endif
