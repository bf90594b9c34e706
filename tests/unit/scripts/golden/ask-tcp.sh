said=$(LC_ALL=C curl -sv -o /dev/null --noproxy '*' --max-time 3 telnet://127.0.0.1:3306 </dev/null 2>&1) && exit 0
code=$?
case $code,$said in 28,*Connected*|28,*Established*) exit 0 ;; esac
printf '%s\n' "$said" | grep -i 'fail\|refused\|timed out\|resolve' | tail -n 1 | sed 's/^\* *//' >&2
exit $code
