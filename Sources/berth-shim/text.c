#include "text.h"

void put_bytes(struct text *text, const char *bytes, size_t count) {
  if (count > text->size - text->used) count = text->size - text->used;
  memcpy(text->bytes + text->used, bytes, count);
  text->used += count;
}

void put(struct text *text, const char *string) {
  put_bytes(text, string, strlen(string));
}

void put_padded(struct text *text, uint64_t number, int digits) {
  char buffer[24];
  size_t start = sizeof buffer;
  while (number > 0 || digits > 0) {
    buffer[--start] = (char)('0' + number % 10);
    number /= 10;
    digits--;
  }
  put_bytes(text, buffer + start, sizeof buffer - start);
}

void put_number(struct text *text, uint64_t number) {
  put_padded(text, number, 1);
}

void put_time(struct text *text, struct timespec time) {
  int64_t days = time.tv_sec / 86400, second = time.tv_sec % 86400;
  // The civil calendar in eras of 400 years that begin on 1 March.
  int64_t shifted = days + 719468, era = shifted / 146097, day_of_era = shifted % 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t shifted_month = (5 * day_of_year + 2) / 153;
  int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  put_padded(text, (uint64_t)(year_of_era + era * 400 + (month <= 2)), 4);
  put(text, "-");
  put_padded(text, (uint64_t)month, 2);
  put(text, "-");
  put_padded(text, (uint64_t)(day_of_year - (153 * shifted_month + 2) / 5 + 1), 2);
  put(text, "T");
  put_padded(text, (uint64_t)(second / 3600), 2);
  put(text, ":");
  put_padded(text, (uint64_t)(second / 60 % 60), 2);
  put(text, ":");
  put_padded(text, (uint64_t)(second % 60), 2);
  put(text, ".");
  put_padded(text, (uint64_t)time.tv_nsec, 9);
  put(text, "Z");
}

void put_entry(struct text *text, const char *key, const char *value) {
  put(text, key);
  put(text, "=");
  put(text, value);
  put(text, "\n");
}

void put_number_entry(struct text *text, const char *key, uint64_t value) {
  put(text, key);
  put(text, "=");
  put_number(text, value);
  put(text, "\n");
}

void put_time_entry(struct text *text, const char *key, struct timespec time) {
  put(text, key);
  put(text, "=");
  put_time(text, time);
  put(text, "\n");
}

bool take_number(const char **string, uint64_t *number) {
  const char *digit = *string;
  uint64_t value = 0;
  for (; *digit >= '0' && *digit <= '9'; digit++) {
    if (value > (UINT64_MAX - 9) / 10) return false;
    value = value * 10 + (uint64_t)(*digit - '0');
  }
  if (digit == *string) return false;
  *string = digit;
  *number = value;
  return true;
}
