// System calls on files that the C library has no Swift-callable function for.
// Each returns what the call returns, or the negated errno.

#ifndef BERTH_FILES_H
#define BERTH_FILES_H

#include <stddef.h>
#include <stdint.h>

/// openat2(2): opens `path` below `directory` under the rules of `resolve` (`BERTH_RESOLVE_…`).
int berth_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);

extern const uint64_t BERTH_RESOLVE_BENEATH;
extern const uint64_t BERTH_RESOLVE_NO_MAGICLINKS;
extern const uint64_t BERTH_RESOLVE_NO_SYMLINKS;

/// renameat2(2) with `BERTH_RENAME_…` flags.
int berth_renameat2(int from, const char *from_name, int to, const char *to_name, unsigned int flags);

extern const unsigned int BERTH_RENAME_NOREPLACE;
extern const unsigned int BERTH_RENAME_EXCHANGE;

/// One entry of a folder, as berth_next_entry finds it. `name` points into the caller's buffer.
struct berth_entry {
  const char *name;
  size_t name_length;
  uint64_t inode;
  /// DT_… of readdir(3); DT_UNKNOWN where the file system does not say.
  uint8_t type;
};

/// getdents64(2): fills `buffer` and returns how many bytes, 0 at the end.
long berth_read_entries(int directory, void *buffer, size_t size);

/// Reads the entry at `offset` of a buffer that berth_read_entries filled, and returns the next one's offset.
size_t berth_next_entry(const void *buffer, size_t offset, struct berth_entry *entry);

/// FICLONE: makes `to` share all of `from`'s content, where the file system can.
int berth_clone_file(int from, int to);

/// copy_file_range(2) at both descriptors' own positions.
long berth_copy_file_range(int from, int to, size_t length);

/// Gives the open file `to` the user attributes and the access control list of `name` in `directory`, links not
/// followed. What either file system does not know of is passed over.
int berth_copy_attributes(int directory, const char *name, int to);

/// chmod(2) of an open file, one opened with O_PATH included.
int berth_set_permissions(int descriptor, unsigned int permissions);

/// open(2) flags that Swift does not import.
extern const int BERTH_O_PATH;
extern const int BERTH_O_NOATIME;

#endif
