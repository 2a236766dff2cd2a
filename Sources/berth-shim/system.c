#include "system.h"

#include <sys/mman.h>

int shim_main(int count, char **arguments);

/// The kernel starts a program with the arguments' count and the arguments on its stack.
_Noreturn __attribute__((used)) void shim_start(long *stack) {
  end_process(shim_main((int)stack[0], (char **)(stack + 1)));
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call shim_start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n  bl shim_start\n");
#endif

void end_process(int code) {
  for (;;) CALL(exit_group, code);
}

// Loops that the compiler must not turn into a call of the function they are in.
#if defined(__clang__)
#define PLAIN_LOOP __attribute__((no_builtin))
#else
#define PLAIN_LOOP __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

PLAIN_LOOP void *memcpy(void *restrict to, const void *restrict from, size_t size) {
#if defined(__x86_64__)
  void *end = to;
  __asm__ volatile("rep movsb" : "+D"(end), "+S"(from), "+c"(size) : : "memory");
#else
  for (size_t i = 0; i < size; i++) ((char *)to)[i] = ((const char *)from)[i];
#endif
  return to;
}

PLAIN_LOOP void *memmove(void *to, const void *from, size_t size) {
  if ((uintptr_t)to <= (uintptr_t)from) {
    for (size_t i = 0; i < size; i++) ((char *)to)[i] = ((const char *)from)[i];
  } else {
    while (size-- > 0) ((char *)to)[size] = ((const char *)from)[size];
  }
  return to;
}

PLAIN_LOOP void *memset(void *to, int byte, size_t size) {
  for (size_t i = 0; i < size; i++) ((char *)to)[i] = (char)byte;
  return to;
}

PLAIN_LOOP int memcmp(const void *one, const void *other, size_t size) {
  const unsigned char *a = one, *b = other;
  for (size_t i = 0; i < size; i++)
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  return 0;
}

PLAIN_LOOP size_t strlen(const char *string) {
  size_t length = 0;
  while (string[length] != 0) length++;
  return length;
}

bool same(const char *one, const char *other) {
  size_t length = strlen(one);
  return length == strlen(other) && memcmp(one, other, length) == 0;
}

const char *after(const char *string, const char *prefix) {
  while (*prefix != 0)
    if (*string++ != *prefix++) return NULL;
  return string;
}

int64_t monotonic_now(void) {
  struct timespec now = {0};
  CALL(clock_gettime, CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

struct timespec wall_now(void) {
  struct timespec now = {0};
  CALL(clock_gettime, CLOCK_REALTIME, &now);
  return now;
}

void *map_memory(size_t size) {
  long address = CALL(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return address < 0 && address > -4096 ? NULL : (void *)address;
}

void unmap_memory(void *memory, size_t size) {
  CALL(munmap, memory, size);
}

void forget_memory(void *memory, size_t size) {
  CALL(madvise, memory, size, MADV_DONTNEED);
}

long read_small_file(int folder, const char *path, char *bytes, size_t size) {
  int file = (int)CALL(openat, folder, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return file;
  long count = CALL(read, file, bytes, size - 1);
  CALL(close, file);
  bytes[count > 0 ? count : 0] = 0;
  return count;
}
