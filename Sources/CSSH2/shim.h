#include <libssh2.h>

#include <stdint.h>
#include <string.h>

#ifdef __APPLE__
#include <malloc/malloc.h>
#else
#include <malloc.h>
#endif

/// How many bytes an allocation takes; 0 for none.
static inline size_t berth_ssh2_memory_size(void *memory) {
#ifdef __APPLE__
  return memory ? malloc_size(memory) : 0;
#else
  return malloc_usable_size(memory);
#endif
}

/// What `libssh2_channel_get_exit_status` gives of a channel that was marked and has got no exit status.
static const int berth_ssh2_no_exit_status = INT32_MIN + 0x0B37;

/// Marks a session channel that has just been opened, so that one without an exit status is told from one with 0.
///
/// libssh2 keeps the status in a structure of its own that begins with three pointers of a list, the channel's type and
/// its length, in all versions from 1.4 to 1.11. Nothing is written where it does not look just like that, and what
/// was written is taken back where the library does not read it as the status. Returns 1 where it is marked.
static inline int berth_ssh2_mark_exit_status(LIBSSH2_CHANNEL *channel) {
  struct beginning {
    void *node[3];
    const char *type;
    unsigned int type_length;
    int exit_status;
  } *beginning = (struct beginning *)channel;
  if (beginning->type_length != sizeof("session") - 1 || beginning->exit_status != 0) return 0;
  if (libssh2_channel_get_exit_status(channel) != 0) return 0;
  beginning->exit_status = berth_ssh2_no_exit_status;
  if (libssh2_channel_get_exit_status(channel) == berth_ssh2_no_exit_status) return 1;
  beginning->exit_status = 0;
  return 0;
}
