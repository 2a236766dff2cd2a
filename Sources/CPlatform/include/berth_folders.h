// What tells one folder from another that stands under the same name.

#ifndef BERTH_FOLDERS_H
#define BERTH_FOLDERS_H

#include <stdint.h>

/// What statx(2) tells of a file's identity.
struct berth_identity {
  uint64_t device;
  uint64_t inode;
  /// When it was made, in nanoseconds since 1970; 0 where the file system does not keep it.
  int64_t birth;
  /// Type and permission bits, as in `st_mode`.
  uint32_t mode;
  /// 1 where a file system is mounted on it, 0 where none is, -1 where the kernel does not say.
  int32_t mount_point;
};

/// Looks at `path` itself (a link is not followed), or at the open file `descriptor` where `path` is empty.
/// Returns 0 or the negated errno.
int berth_identify(int descriptor, const char *path, struct berth_identity *identity);

#endif
