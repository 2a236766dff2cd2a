// Calls on whole file systems.

#ifndef BERTH_DISKS_H
#define BERTH_DISKS_H

/// syncfs(2): waits until everything on the descriptor's file system is on the disk. Returns 0 or the negated errno.
int berth_sync_file_system(int descriptor);

#endif
