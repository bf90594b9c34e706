end=$(( $(date +%s) + 60 )); passes=0
while [ $(date +%s) -lt $end ]; do
  if timeout 3 docker ps -q >/dev/null 2>&1; then passes=$((passes + 1)); [ $passes -lt 1 ] || exit 0; sleep 1
  else passes=0; sleep 0.5; fi
  :
done
echo "docker does not answer"; exit 1
