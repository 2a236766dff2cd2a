// Who listens: the kernel's own list of sockets.

#ifndef BERTH_SOCKETS_H
#define BERTH_SOCKETS_H

#include <stddef.h>
#include <stdint.h>

/// A TCP socket that listens.
struct berth_listener {
  uint16_t port;
  /// 4 or 6.
  uint8_t version;
  /// The address it is bound to, in network order; the first four bytes of it for version 4.
  uint8_t address[16];
  /// The user it belongs to.
  uint32_t user;
  uint64_t inode;
};

/// Lists the listening TCP sockets of this network namespace through sock_diag(7).
///
/// Unlike /proc/net/tcp, which walks over the table of all connections and takes milliseconds even where it is empty,
/// this looks at listening sockets only. Returns how many there are, of which at most `capacity` were written, or the
/// negated errno.
long berth_list_listeners(struct berth_listener *listeners, size_t capacity);

#endif
