#!/bin/sh
# Turns a minimal Debian with the packages of `packages` into a virtual machine. Runs once, inside the disk's root.
set -eu

# The login is an ordinary user with sudo, as on every host of the lab; root has none.
useradd --create-home --shell /bin/bash ops
echo 'ops ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ops
chmod 0440 /etc/sudoers.d/ops
cat >/etc/ssh/sshd_config.d/lab.conf <<'EOF'
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
HostKey /etc/ssh/ssh_host_ed25519_key
MaxSessions 100
MaxStartups 100:30:200
EOF
rm -f /etc/ssh/ssh_host_*

# systemd writes a new one at first boot, so that no two machines share it.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id

echo '/dev/vda / ext4 defaults 0 0' >/etc/fstab

# Who a machine is comes at its first boot as a tar archive on its second disk.
cat >/etc/systemd/system/windlass-lab-seed.service <<'EOF'
[Unit]
Description=Name, address and keys of this machine, from its second disk
DefaultDependencies=no
After=systemd-remount-fs.service
Before=systemd-networkd.service ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=tar --extract --file /dev/vdb --directory / --no-overwrite-dir --same-owner
ExecStart=hostname --file /etc/hostname
[Install]
WantedBy=sysinit.target
EOF
systemctl enable windlass-lab-seed.service systemd-networkd.service ssh.service
# The network is up when SSH answers: nothing waits for it, and nobody logs in at a console.
for unit in systemd-networkd-wait-online.service systemd-firstboot.service getty.target console-getty.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target

# One known machine: an initrd of its few drivers is loaded much faster by a processor that is emulated.
printf 'MODULES=list\nCOMPRESS=gzip\n' >/etc/initramfs-tools/conf.d/lab
printf 'virtio_pci\nvirtio_blk\next4\n' >>/etc/initramfs-tools/modules
update-initramfs -c -k all

rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /var/log/*.log
