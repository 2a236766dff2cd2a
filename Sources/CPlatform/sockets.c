#define _GNU_SOURCE
#include "berth_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/// TCP_LISTEN of the kernel's states; netinet/tcp.h and linux/tcp.h can't both be had.
static const uint32_t listening = 10;

static int ask(int socket, uint8_t family) {
  struct {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
  } message = {
      .header = {.nlmsg_len = sizeof message, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
      .request = {.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1u << listening},
  };
  return send(socket, &message, sizeof message, 0) < 0 ? -errno : 0;
}

static struct berth_listener listener(const struct inet_diag_msg *found) {
  struct berth_listener result = {
      .port = ntohs(found->id.idiag_sport),
      .version = found->idiag_family == AF_INET6 ? 6 : 4,
      .user = found->idiag_uid,
      .inode = found->idiag_inode,
  };
  memcpy(result.address, found->id.idiag_src, sizeof result.address);
  return result;
}

/// Reads the answer to one question. Returns 0 or the negated errno.
static int take(int socket, struct berth_listener *listeners, size_t capacity, size_t *count) {
  _Alignas(struct nlmsghdr) char buffer[16 << 10];
  for (;;) {
    ssize_t received = recv(socket, buffer, sizeof buffer, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return received < 0 ? -errno : -EPROTO;
    size_t left = (size_t)received;
    for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return 0;
      if (header->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = NLMSG_DATA(header);
        return error->error != 0 ? error->error : -EPROTO;
      }
      if (header->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg))) continue;
      if (*count < capacity) listeners[*count] = listener(NLMSG_DATA(header));
      *count += 1;
    }
  }
}

long berth_list_listeners(struct berth_listener *listeners, size_t capacity) {
  int link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (link < 0) return -errno;
  // An answer always comes; if the kernel loses it, nobody shall wait for ever.
  struct timeval patience = {.tv_sec = 2};
  setsockopt(link, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  size_t count = 0;
  const uint8_t families[] = {AF_INET, AF_INET6};
  int result = 0;
  for (size_t index = 0; index < sizeof families && result == 0; index++) {
    result = ask(link, families[index]);
    if (result == 0) result = take(link, listeners, capacity, &count);
  }
  close(link);
  return result == 0 ? (long)count : result;
}
