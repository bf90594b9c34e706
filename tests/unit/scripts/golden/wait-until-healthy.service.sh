end=$(( $(date +%s) + 90 )); passes=0
while [ $(date +%s) -lt $end ]; do
  if code=$(curl -s -o /dev/null -w '%{http_code}' --cacert /etc/windlass/pki/ca.crt --noproxy '*' --connect-to ::192.0.2.1: --max-time 3 https://kubernetes:6443/readyz); case $code in 2??) true ;; *) false ;; esac; then passes=$((passes + 1)); [ $passes -lt 2 ] || exit 0; sleep 1
  else passes=0; sleep 0.5; fi
  :
done
echo "port answers ${code:-nothing}"; exit 1
