#define _GNU_SOURCE
#include "berth_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

const uint64_t BERTH_RESOLVE_BENEATH = RESOLVE_BENEATH;
const uint64_t BERTH_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
const uint64_t BERTH_RESOLVE_NO_SYMLINKS = RESOLVE_NO_SYMLINKS;
const unsigned int BERTH_RENAME_NOREPLACE = RENAME_NOREPLACE;
const unsigned int BERTH_RENAME_EXCHANGE = RENAME_EXCHANGE;
const int BERTH_O_PATH = O_PATH;
const int BERTH_O_NOATIME = O_NOATIME;

static long result_or_negated_errno(long result) { return result < 0 ? -errno : result; }

int berth_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return (int)result_or_negated_errno(syscall(SYS_openat2, directory, path, &how, sizeof how));
}

int berth_renameat2(int from, const char *from_name, int to, const char *to_name, unsigned int flags) {
  return (int)result_or_negated_errno(syscall(SYS_renameat2, from, from_name, to, to_name, flags));
}

/// The kernel's struct linux_dirent64, which no user header declares.
struct kernel_entry {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

long berth_read_entries(int directory, void *buffer, size_t size) {
  return result_or_negated_errno(syscall(SYS_getdents64, directory, buffer, size));
}

size_t berth_next_entry(const void *buffer, size_t offset, struct berth_entry *entry) {
  const struct kernel_entry *found = (const struct kernel_entry *)((const char *)buffer + offset);
  entry->name = found->name;
  entry->name_length = strlen(found->name);
  entry->inode = found->inode;
  entry->type = found->type;
  return offset + found->length;
}

int berth_clone_file(int from, int to) { return (int)result_or_negated_errno(ioctl(to, FICLONE, from)); }

long berth_copy_file_range(int from, int to, size_t length) {
  return result_or_negated_errno(copy_file_range(from, NULL, to, NULL, length, 0));
}

// The same on every architecture; libraries do not name it yet.
enum { NUMBER_OF_LISTXATTRAT = 465 };

static const char access_list[] = "system.posix_acl_access";

int berth_copy_attributes(int directory, const char *name, int to) {
  // Only from Linux 6.13 on there are calls that take a folder's descriptor and a name: listing, by far the most frequent,
  // is tried with one. For others, and before, the descriptor's entry in /proc stands for it.
  char path[32 + NAME_MAX];
  snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, name);
  char names[4096];
  char *list = names;
  ssize_t length = syscall(NUMBER_OF_LISTXATTRAT, directory, name, AT_SYMLINK_NOFOLLOW, names, sizeof names);
  if (length < 0) length = llistxattr(path, names, sizeof names);
  if (length < 0 && errno == ERANGE) {
    list = malloc(XATTR_LIST_MAX);
    if (list == NULL) return -ENOMEM;
    length = llistxattr(path, list, XATTR_LIST_MAX);
  }
  int result = length < 0 && errno != EOPNOTSUPP ? -errno : 0;
  char *value = NULL;
  bool has_list = false;
  for (char *attribute = list; result == 0 && attribute < list + length; attribute += strlen(attribute) + 1) {
    bool is_list = strcmp(attribute, access_list) == 0;
    if (!is_list && strncmp(attribute, "user.", 5) != 0) continue;
    has_list = has_list || is_list;
    if (value == NULL) value = malloc(XATTR_SIZE_MAX);
    if (value == NULL) {
      result = -ENOMEM;
      break;
    }
    ssize_t size = lgetxattr(path, attribute, value, XATTR_SIZE_MAX);
    // ENODATA: gone since it was listed.
    if (size < 0 && errno != ENODATA) result = -errno;
    if (size >= 0 && fsetxattr(to, attribute, value, (size_t)size, 0) < 0 && errno != EOPNOTSUPP) result = -errno;
  }
  // A file in a folder with a default list gets one that the original has not.
  if (result == 0 && !has_list && fgetxattr(to, access_list, NULL, 0) >= 0 && fremovexattr(to, access_list) < 0)
    result = -errno;
  free(value);
  if (list != names) free(list);
  return result;
}

int berth_set_permissions(int descriptor, unsigned int permissions) {
  // fchmod(2) refuses O_PATH descriptors.
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  return (int)result_or_negated_errno(chmod(path, permissions));
}
