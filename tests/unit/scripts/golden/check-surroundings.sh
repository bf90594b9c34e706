( said=$(LC_ALL=C curl -sv -o /dev/null --insecure --noproxy '*' --connect-timeout 3 --max-time 5 https://192.0.2.2:6443 2>&1); case $?,$said in 7,*refused*|28,*Connected*|28,*Established*) ;; 7,*|28,*) echo 'unreached=the API server of cp-2 (192.0.2.2:6443)' ;; esac ) &
( curl -fsS --noproxy '*' --connect-timeout 3 --max-time 5 --location http://192.0.2.9:8080/healthz >/dev/null 2>&1 || echo 'unreached=the mirror at http://192.0.2.9:8080' ) &
file=$(mktemp /var/lib/windlass-preflight.XXXXXX) || exit 0
start=$(date +%s%N)
dd if=/dev/zero of="$file" bs=2k count=20 oflag=dsync status=none
end=$(date +%s%N)
rm -f "$file"
echo "fsync_ns=$(( (end - start) / 20 ))"

wait
