export WINDLASS_HOST=cp-1 WINDLASS_ROLES=etcd,control-plane,worker
set -a
. /run/windlass/hooks.env
set +a
rm -f /run/windlass/hooks.env
apt-get upgrade -y
