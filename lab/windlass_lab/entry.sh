#!/bin/sh
# Makes a container look like a machine, then hands over to systemd. The lab puts it into each host's container; it runs
# at each start, so all of it can run twice.
set -eu
# Written by the lab: NAMESERVERS, DISK_SIZE, BARE.
. /etc/windlass-lab.env

mount -o remount,rw /sys 2>/dev/null || true

if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
    mount -o remount,rw /sys/fs/cgroup
    # In v2 a group with processes of its own cannot hand controllers down: all move one level down before systemd starts.
    # Commands that Docker runs in here later follow the first process.
    mkdir -p /sys/fs/cgroup/init.scope
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        xargs -rn1 </sys/fs/cgroup/cgroup.procs >/sys/fs/cgroup/init.scope/cgroup.procs 2>/dev/null || true
        sed 's/[^ ]\+/+&/g' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null && break
    done
else
    # Docker mounts the v1 hierarchies read-only; systemd wants to own all of them, below its own cgroup namespace.
    umount -R /sys/fs/cgroup
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
        grep -q "^$controller[[:space:]]" /proc/cgroups || continue
        # On machines that mount cpu and cpuacct together only the pair can be mounted.
        joint=$(sed -n "s/^[0-9]*:\(\(.*,\)\?$controller\(,.*\)\?\):.*/\1/p" /proc/self/cgroup)
        mkdir -p "/sys/fs/cgroup/$controller"
        mount -t cgroup -o "${joint:-$controller}" cgroup "/sys/fs/cgroup/$controller"
    done
    mkdir -p /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
fi

# kubelet does not start without it.
[ -e /dev/kmsg ] || mknod /dev/kmsg c 1 11
# Mounts that kubelet makes must be seen by the containers that it starts.
mount --make-rshared /

# With Docker's own resolver at 127.0.0.11 a cluster's CoreDNS would forward to itself.
for address in $NAMESERVERS; do
    echo "nameserver $address"
done >/etc/resolv.conf

if [ -n "$DISK_SIZE" ]; then
    disk=/var/lib/windlass-disk/disk.img
    for number in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        [ -e "/dev/loop$number" ] || mknod "/dev/loop$number" b 7 "$number"
    done
    [ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
    if [ ! -e "$disk" ]; then
        truncate -s "$DISK_SIZE" "$disk.new"
        mkfs.ext4 -q -m 0 -E lazy_itable_init=1,lazy_journal_init=1 "$disk.new"
        mv "$disk.new" "$disk"
    fi
    mount -o loop "$disk" /var/lib/windlass
fi

if [ "$BARE" = yes ] && [ -e /usr/sbin/dockerd ]; then
    dpkg --purge docker.io containerd runc >/dev/null 2>&1
    rm -rf /etc/docker /etc/systemd/system/docker.service.d /etc/systemd/system/containerd.service.d
fi

exec /sbin/init
