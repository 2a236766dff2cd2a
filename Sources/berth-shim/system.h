// The kernel, without a C library between.
//
// A static C library alone would hold 650 KB of memory in each shim and run code of its own at start; a shim needs
// none of it. Structures and constants are those of the system's headers; each call returns its result or the negated
// errno.

#ifndef BERTH_SHIM_SYSTEM_H
#define BERTH_SHIM_SYSTEM_H

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

/// `CALL(openat, folder, "name", O_RDONLY)`: at least one argument, 0 where the call takes none.
#define CALL(name, ...) CALL_PADDED(SYS_##name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_PADDED(number, a, b, c, d, e, f, ...) \
  system_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline long system_call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "berth-shim knows the system calls of x86-64 and arm64"
#endif
}

// What compilers call on their own, and the rest of <string.h> that is used here.
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *one, const void *other, size_t size);
size_t strlen(const char *string);
bool same(const char *one, const char *other);
/// Where `string` goes on behind `prefix`; null where it does not begin with it.
const char *after(const char *string, const char *prefix);

/// A point in time by the clock that never goes back, in nanoseconds.
int64_t monotonic_now(void);
struct timespec wall_now(void);

/// `size` bytes of zeroes; null where there is no memory.
void *map_memory(size_t size);
void unmap_memory(void *memory, size_t size);
/// Gives memory back that is needed again only later; it is zeroes then.
void forget_memory(void *memory, size_t size);

/// Reads a file of /proc, which one call gives whole, and ends it with a NUL. Returns how much, or the negated errno.
long read_small_file(int folder, const char *path, char *bytes, size_t size);

_Noreturn void end_process(int code);

#endif
