#!/bin/sh
# Turns a minimal Debian with the packages of `packages` into a lab host. Runs once, inside the image's root.
set -eu

# The login is an ordinary user with sudo, as on a real host; root has none.
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
# PAM would ask logind for a session at each login, and read limits that a container may not raise.
rm -f /etc/ssh/ssh_host_*

# systemd writes a new one at first boot, so that no two hosts share it.
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id

# What a container cannot or need not run, and what only slows the boot.
for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service \
    systemd-networkd.service systemd-resolved.service systemd-modules-load.service systemd-logind.service \
    systemd-timesyncd.service systemd-pstore.service systemd-remount-fs.service systemd-sysctl.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-firstboot.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
    dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount \
    getty.target console-getty.service systemd-ask-password-wall.path systemd-ask-password-console.path \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target
systemctl enable ssh.service docker.service containerd.service

# The journal stays small and in memory: a lab host's disk is the machine's disk.
mkdir -p /etc/systemd/journald.conf.d /etc/systemd/system/docker.service.d
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=64M\n' >/etc/systemd/journald.conf.d/lab.conf
# Debian starts Docker after network-online.target; the engine that runs this host has set up its network already.
# The limits are what the machine allows at most: asking for more fails where CAP_SYS_RESOURCE is missing.
printf '[Unit]\nAfter=containerd.service\n[Service]\nLimitNOFILE=\nLimitNPROC=\nLimitCORE=\nOOMScoreAdjust=0\n' \
    >/etc/systemd/system/docker.service.d/lab.conf
mkdir -p /etc/systemd/system/containerd.service.d
printf '[Service]\nExecStartPre=\nLimitNOFILE=\nLimitNPROC=\nLimitCORE=\nOOMScoreAdjust=0\n' \
    >/etc/systemd/system/containerd.service.d/lab.conf
mkdir -p /etc/systemd/system/ssh.service.d
printf '[Unit]\nAfter=\n[Service]\nOOMScoreAdjust=0\n' >/etc/systemd/system/ssh.service.d/lab.conf

rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /var/log/*.log
