// Everything that Platform takes from C.
//
// The headers include nothing of the system's but stddef.h and stdint.h: Swift takes what a module includes for the
// module's own, and would look for a `timespec` here in one build and in Glibc in the next.

#include "berth_disks.h"
#include "berth_files.h"
#include "berth_folders.h"
#include "berth_packets.h"
#include "berth_processes.h"
#include "berth_sockets.h"
