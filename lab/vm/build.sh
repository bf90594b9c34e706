#!/bin/sh
# Usage: build.sh MIRROR ROOT DISK: writes the disk that virtual machines start with, and DISK's name with .vmlinuz and
# .initrd instead of .img. Needs root, debootstrap and mkfs.ext4; nothing stays mounted. ROOT is a directory that does not
# exist yet; it is removed at the end.
set -eu
mirror=$1 root=$2 disk=$3
here=$(dirname "$0")
packages=$(grep -v '^#' "$here/packages" | paste -sd,)

trap 'rm -rf --one-file-system "$root"' EXIT
# setup.sh makes the initrd, once it is known what belongs into it.
INITRD=No debootstrap --variant=minbase --include="$packages" trixie "$root" "$mirror"
cp "$here/setup.sh" "$root/setup.sh"
chroot "$root" /bin/sh /setup.sh
rm "$root/setup.sh"
cp "$root"/boot/vmlinuz-* "${disk%.img}.vmlinuz"
cp "$root"/boot/initrd.img-* "${disk%.img}.initrd"
# Little larger than what lies in it: each machine's own copy grows to its size.
rm -f "$disk.new"
truncate -s 3G "$disk.new"
mkfs.ext4 -q -m 0 -d "$root" "$disk.new"
mv "$disk.new" "$disk"
