extension TestMachine {
  /// Makes the machine's files out of the image's and a disk in memory, and becomes its first process there.
  ///
  /// Parameters: the image, the host name, the size of the disk, and then those of `secondBoot`.
  static let firstBoot = """
    cd "$1"
    echo "$2" >/proc/sys/kernel/hostname
    mount -t tmpfs -o "mode=755${3:+,$3}" machine mount
    mkdir mount/upper mount/work mount/root
    if ! mount -t overlay -o lowerdir=root,upperdir=mount/upper,workdir=mount/work machine mount/root; then
      cp -a root/. mount/root/
      mount --bind mount/root mount/root
    fi
    cd mount/root
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys || echo "goes on without /sys"
    mount -t tmpfs -o mode=755 run run
    mount -t tmpfs -o mode=755 dev dev
    for device in null zero full random urandom tty; do
      : >"dev/$device"
      mount --bind "/dev/$device" "dev/$device"
    done
    mkdir dev/pts dev/shm run/lock run/sshd
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
    mount -t tmpfs -o mode=1777 shm dev/shm
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    for stream in 0/stdin 1/stdout 2/stderr; do ln -s "/proc/self/fd/${stream%/*}" "dev/${stream#*/}"; done
    pivot_root . mnt
    cd /
    umount -l /mnt
    name=$2 boot=$4
    shift 4
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \\
      /bin/sh -euc "$boot" sh "$name" "$@"
    """

  /// Sets the machine up, starts its server, and gathers the processes that nobody waits for. It ends, and all others
  /// with it, when its standard input does; at SIGHUP all others end and the server starts again.
  ///
  /// Parameters: the host name, what starts the server, its configuration, the types of its keys, the text of
  /// `/etc/os-release`, and anything where packages are to be reached.
  static let secondBoot = """
    exec 3<&0 </dev/null
    echo "$1" >/etc/hostname
    printf '%s\\n' "127.0.0.1 localhost" "::1 localhost" "127.0.1.1 $1" >/etc/hosts
    printf %s "$3" >/etc/ssh/sshd_config
    for type in $4; do ssh-keygen -q -N '' -t "$type" -f "/etc/ssh/ssh_host_${type}_key"; done
    if [ -n "$5" ]; then
      rm -f /etc/os-release
      printf %s "$5" >/etc/os-release
    fi
    if [ -z "$6" ]; then
      printf 'Acquire::%s::Proxy "http://127.0.0.1:9";\\n' http https >/etc/apt/apt.conf.d/99reach
      echo 'nameserver 127.0.0.1' >/etc/resolv.conf
    fi
    live() {
      (cat <&3 >/dev/null; kill -TERM 1) &
      eval "$1"
    }
    again=
    trap 'exit 0' TERM
    trap 'again=yes' HUP
    live "$2"
    while :; do
      wait || :
      if [ -n "$again" ]; then
        again=
        kill -KILL -1
        rm -rf /run/*
        mkdir -p /run/lock /run/sshd
        live "$2"
      fi
    done
    """

  /// Starts the SSH server. It logs to where the first process's errors go.
  static let startServer = "/usr/sbin/sshd -D -e </dev/null >/dev/null 2>>/proc/1/fd/2 3<&- &"
}
