( curl -s -o /dev/null --insecure --noproxy '*' --connect-timeout 3 --max-time 5 https://192.0.2.2:2380 >/dev/null 2>&1; case $? in 7|28) echo 'changed: cp-2' ;; esac ) &
wait
