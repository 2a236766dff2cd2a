#define _GNU_SOURCE
#include "berth_disks.h"

#include <errno.h>
#include <unistd.h>

int berth_sync_file_system(int descriptor) { return syncfs(descriptor) == 0 ? 0 : -errno; }
