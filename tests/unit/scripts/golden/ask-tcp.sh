connects() { # words of curl
  said=$(LC_ALL=C "$@" </dev/null 2>&1); ended=$?
  case $ended,$said in 0,*|28,*Connected*|28,*Established*) echo 200 ;; *) echo 000; return $ended ;; esac
}
connects curl -sv -o /dev/null --noproxy '*' --max-time 3 telnet://127.0.0.1:3306 >/dev/null && exit 0
code=$?
printf '%s\n' "$said" | grep -i 'fail\|refused\|timed out\|resolve' | tail -n 1 | sed 's/^\* *//' >&2
exit $code
