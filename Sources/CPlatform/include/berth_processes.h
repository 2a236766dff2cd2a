// System calls on processes, threads and sockets that Swift can't import.
// Each returns what the call returns, or -1 with errno set.

#ifndef BERTH_PROCESSES_H
#define BERTH_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

/// pidfd_open(2). The descriptor is closed on exec.
int berth_pidfd_open(int process);

/// An epoll instance that is closed on exec.
int berth_epoll_create(void);

/// Watches a descriptor until it is readable, once.
int berth_epoll_add_once(int epoll, int descriptor);

/// Waits for one of the watched descriptors. Returns its number.
int berth_epoll_wait(int epoll);

/// Names the calling thread; the kernel keeps 15 bytes.
void berth_name_thread(const char *name);

/// pipe2(2) with both ends closed on exec.
int berth_pipe(int ends[2]);

/// Sends bytes together with descriptors (SCM_RIGHTS).
intptr_t berth_send_descriptors(int socket, const void *bytes, size_t length, const int *descriptors, size_t count);

/// Receives bytes and at most `capacity` descriptors, which are closed on exec. `*count` is how many came. Descriptors
/// beyond the capacity are closed by the kernel.
intptr_t berth_receive_descriptors(int socket, void *bytes, size_t length, int *descriptors, size_t capacity, size_t *count);

/// Has the C library take allocations of so many bytes and more from the kernel each by itself, and give them back when
/// they are freed.
void berth_return_memory_from(int bytes);

/// Writes the number of each SIGTERM, SIGINT and SIGHUP into a pipe, as one byte, and ignores SIGPIPE.
int berth_forward_signals(int pipe);

/// Starts a program with just the three standard descriptors, no blocked signal and no ignored one.
///
/// `new_session` makes it the leader of a session of its own. Returns 0 or an error number.
int berth_spawn(
    int *process, const char *program, char *const arguments[], char *const environment[], int input, int output,
    int error, int new_session);

#endif
