end=$(( $(date +%s) + 60 )); passes=0
while [ $(date +%s) -lt $end ]; do
  if systemctl is-active --quiet windlass-containerd; then passes=$((passes + 1)); [ $passes -lt 2 ] || exit 0; sleep 1
  else passes=0; sleep 0.5; fi
  :
done
echo "systemd does not call it active"; exit 1
