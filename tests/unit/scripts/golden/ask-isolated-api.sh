exec nsenter --net=/proc/$(docker inspect -f '{{.State.Pid}}' windlass-drill-etcd)/ns/net curl --config -
