set -e
(
set -eu
umask 022
unfinished=/opt/windlass/docker-unfinished unit=/etc/systemd/system/docker.service
is_ours() { grep -qsxF '# Written by Windlass, which brought this engine' /etc/systemd/system/docker.service; }
if [ ! -e $unfinished ] && command -v dockerd >/dev/null && ! is_ours; then exit 0; fi
if [ -e $unit ] && ! is_ours; then
  echo "$unit is there, and no dockerd; remove what is left of that engine, then run this again" >&2; exit 1
fi
there=$(command -v docker) || there=
case $(readlink -f "$there" 2>/dev/null) in
  ''|/opt/windlass/*) ;;
  *) echo "$there is there, and no Docker Engine (it may be Podman's); remove it, then run this again" >&2; exit 1 ;;
esac
if [ ! -e $unit ]; then
  mkdir -p "${unfinished%/*}"
  [ -n "$(ls -A /var/lib/docker 2>/dev/null)" ] || touch /opt/windlass/docker-data
  touch $unfinished
fi
cat >$unit.new <<'END'
# Written by Windlass, which brought this engine
[Unit]
Description=Docker Engine: runs etcd and the control plane
Documentation=https://docs.docker.com
After=network-online.target local-fs.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
Environment=PATH=/opt/windlass/docker-engine/v1/bin:/opt/windlass/containerd/v2/bin:/opt/windlass/runc/v3/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/opt/windlass/docker-engine/v1/bin/dockerd --host unix:///var/run/docker.sock
ExecReload=/bin/kill -s HUP $MAINPID
TimeoutStartSec=0
Restart=always
RestartSec=1
# Containers live on while the engine is started anew.
KillMode=process
Delegate=yes
LimitNPROC=infinity
LimitCORE=infinity
LimitNOFILE=1048576
TasksMax=infinity

[Install]
WantedBy=multi-user.target
END
if [ "$(cat $unit.new)" = "$(cat $unit 2>/dev/null)" ]; then rm $unit.new; else mv $unit.new $unit; fi
# Where sudo looks for programs: on some systems not below /usr/local.
case ":$PATH:" in *:/usr/local/bin:*) bin=/usr/local/bin ;; *) bin=/usr/bin ;; esac
for program in docker dockerd; do
  [ "$(readlink $bin/$program)" = /opt/windlass/docker-engine/v1/bin/$program ] || ln -sfn /opt/windlass/docker-engine/v1/bin/$program $bin/$program
done
(
set -eu
digest=$( { find /etc/systemd/system/docker.service -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; readlink -f /opt/windlass/docker-engine/v1/bin/dockerd /opt/windlass/containerd/v2/bin/containerd /opt/windlass/runc/v3/bin/runc
  } | sha256sum | cut -d' ' -f1)
if [ "$(cat /var/lib/windlass/applied/docker 2>/dev/null)" = "$digest" ] && systemctl is-active --quiet docker; then exit 0; fi
systemctl daemon-reload
systemctl enable --quiet docker 2>/dev/null
if ! systemctl restart docker; then
  journalctl -u docker -n 5 --no-pager -o cat >&2; echo "docker does not start; see journalctl -u docker" >&2; exit 1
fi
mkdir -p /var/lib/windlass/applied; echo "$digest" > /var/lib/windlass/applied/docker.new; mv /var/lib/windlass/applied/docker.new /var/lib/windlass/applied/docker
echo "changed: unit docker"
)
rm -f $unfinished

)
(
set -eu

)
