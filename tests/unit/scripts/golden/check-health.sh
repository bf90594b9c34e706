rounds=3; filter=label=io.windlass.cluster=demo
work=$(mktemp -d); trap 'rm -rf $work' EXIT

say() { printf '%s=%s\n' "$1" "$2"; }
probe() { # thing accepted words…
  thing=$1; accepted=$2; shift 2; failed=0; code=; seen=
  while [ $failed -lt $rounds ]; do
    code=$("$@"); seen=$?
    case " $accepted " in *" ${code:-000} "*) say probe "$thing ok $failed"; return ;; esac
    case $code in 2??) say probe "$thing ok $failed"; return ;; esac
    failed=$((failed + 1)); [ $failed -ge $rounds ] || sleep 1
  done
  say probe "$thing $failed ${code:-000} $seen"
}
unit() { # name
  systemctl show "$1" -p ActiveState -p SubState -p MainPID -p Result | {
    active=; sub=; pid=0; result=
    while IFS== read -r key value; do
      case $key in
        ActiveState) active=$value ;; SubState) sub=$value ;; MainPID) pid=$value ;; Result) result=$value ;;
      esac
    done
    process=-; [ "$pid" = 0 ] || process=$(awk '/^State:/ {print $2}' /proc/$pid/status 2>/dev/null)
    say unit "$1 ${active:-unknown} ${sub:--} ${process:--} ${result:--}"
  }
}
engine() { timeout "$1" docker ps -aq --no-trunc --filter "$filter" >"$work/ids" 2>/dev/null; }
inspected() {
  : >"$work/containers"
  [ -s "$work/ids" ] || return 0
  xargs timeout 10 docker inspect --format '{{json .}}' <"$work/ids" >"$work/containers" 2>/dev/null
}

probe etcd '' curl -s -o /dev/null -w '%{http_code}' --cacert /etc/windlass/pki/etcd/ca.crt --noproxy '*' --cert /etc/windlass/pki/etcd/healthcheck-client.crt --key /etc/windlass/pki/etcd/healthcheck-client.key --max-time 3 https://192.0.2.1:2381/readyz >$work/probe-etcd &
probe kube-apiserver '' curl -s -o /dev/null -w '%{http_code}' --cacert /etc/windlass/pki/ca.crt --noproxy '*' --connect-to ::192.0.2.1: --max-time 3 https://kubernetes:6443/readyz >$work/probe-kube-apiserver &
probe kubelet 401 curl -s -o /dev/null -w '%{http_code}' --insecure --noproxy '*' --max-time 3 https://192.0.2.1:10250/healthz >$work/probe-kubelet &
unit docker
unit windlass-containerd
unit kubelet
if engine 3 || { [ $rounds -gt 1 ] && engine 10; }; then
  if inspected; then say engine answers; cat $work/containers; else say engine silent; fi
elif [ $rounds -gt 1 ]; then say engine hangs; else say engine silent; fi
say mark "$(cat /etc/windlass/cluster 2>/dev/null)"
if [ -d /var/lib/windlass/etcd/member/wal ]; then say member_data yes; else say member_data no; fi
df -Pk /var/lib/windlass 2>/dev/null | awk 'NR > 1 {print "free_kib=" $4}'
wait; cat $work/probe-* 2>/dev/null; say complete yes
