// Everything that Platform takes from C.
#include "berth_disks.h"
#include "berth_files.h"
#include "berth_folders.h"
#include "berth_packets.h"
#include "berth_processes.h"
#include "berth_sockets.h"
