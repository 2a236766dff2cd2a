// Unix sockets that keep packets apart (SOCK_SEQPACKET), and what a supervised process is started and watched with.

#ifndef BERTH_PACKETS_H
#define BERTH_PACKETS_H

#include <stddef.h>
#include <stdint.h>

/// Connects to the socket `name` in an open folder, whose path may be longer than a socket's address. The descriptor is
/// closed on exec and does not block. Waits at most `timeout` nanoseconds for the listener to take more connections.
/// Returns it, or -1 with errno set; ETIMEDOUT where the time has passed.
int berth_packet_connect(int folder, const char *name, int64_t timeout);

/// Sends one packet, and waits for room at most until `deadline` (monotonic nanoseconds). Returns 0, or -1 with errno
/// set; ETIMEDOUT where the deadline has passed.
int berth_packet_send(int socket, const void *bytes, size_t length, int64_t deadline);

/// Receives one packet; 0 at the end. A `deadline` of 0 does not wait at all: EAGAIN. Otherwise as berth_packet_send.
intptr_t berth_packet_receive(int socket, void *bytes, size_t length, int64_t deadline);

/// Reads from a pipe what is there, and waits for it at most until the deadline. Otherwise as berth_packet_receive.
intptr_t berth_read_until(int pipe, void *bytes, size_t length, int64_t deadline);

/// Watches a descriptor for as long as it is open, whenever it is readable. Returns 0, or -1 with errno set.
int berth_epoll_add(int epoll, int descriptor);

/// Waits for descriptors to be readable, and writes them down. Returns how many, at most 64, or -1.
int berth_epoll_wait_all(int epoll, int *descriptors, int capacity);

/// Ends a watch.
void berth_epoll_remove(int epoll, int descriptor);

/// pidfd_send_signal(2). Returns 0, or -1 with errno set.
int berth_pidfd_send_signal(int descriptor, int number);

/// A file without a name, in memory, that holds `length` bytes and is read from its beginning. Closed on exec.
int berth_memory_file(const void *bytes, size_t length);

#endif
