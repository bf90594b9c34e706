export WINDLASS_HOST=cp-1 WINDLASS_ROLES=etcd,control-plane,worker
apt-get upgrade -y
