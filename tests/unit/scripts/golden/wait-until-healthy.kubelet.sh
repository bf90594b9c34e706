end=$(( $(date +%s) + 60 )); passes=0
while [ $(date +%s) -lt $end ]; do
  if [ "$(curl -s -o /dev/null -w '%{http_code}' --insecure --noproxy '*' --max-time 2 https://192.0.2.1:10250/healthz)" = 401 ]; then passes=$((passes + 1)); [ $passes -lt 1 ] || exit 0; sleep 1
  else passes=0; sleep 0.5; fi
  :
done
echo "port 10250 does not answer"; exit 1
