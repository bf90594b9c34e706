end=$(( $(date +%s) + 90 )); passes=0
while [ $(date +%s) -lt $end ]; do
  if code=$(curl -s -o /dev/null -w '%{http_code}' --cacert /etc/windlass/pki/etcd/ca.crt --noproxy '*' --cert /etc/windlass/pki/etcd/healthcheck-client.crt --key /etc/windlass/pki/etcd/healthcheck-client.key --max-time 3 https://192.0.2.1:2381/readyz); case $code in 2??) true ;; *) false ;; esac; then passes=$((passes + 1)); [ $passes -lt 2 ] || exit 0; sleep 1
  else passes=0; sleep 0.5; fi
  restarts=$(timeout 5 docker inspect -f '{{.RestartCount}}' windlass-etcd 2>/dev/null)
  if [ "${restarts:-0}" -ge 5 ] 2>/dev/null; then
    echo "it ends again and again; see docker logs windlass-etcd"; exit 1
  fi
done
echo "port answers ${code:-nothing}"; exit 1
