#define _GNU_SOURCE
#include "berth_folders.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

int berth_identify(int descriptor, const char *path, struct berth_identity *identity) {
  struct statx found;
  int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (statx(descriptor, path, flags, STATX_TYPE | STATX_MODE | STATX_INO | STATX_BTIME, &found) != 0) return -errno;
  identity->device = makedev(found.stx_dev_major, found.stx_dev_minor);
  identity->inode = found.stx_ino;
  identity->birth =
      found.stx_mask & STATX_BTIME ? found.stx_btime.tv_sec * INT64_C(1000000000) + found.stx_btime.tv_nsec : 0;
  identity->mode = found.stx_mode;
#ifdef STATX_ATTR_MOUNT_ROOT
  identity->mount_point = found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT
                              ? (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0
                              : -1;
#else
  identity->mount_point = -1;
#endif
  return 0;
}
