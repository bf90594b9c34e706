# The probe loop for hosts without python3: sh and curl, the same orders and words as loop.py. It tells a host that is
# down from one whose process hangs, and reports units, disks and containers; of certificates and nodes it knows nothing.
# Reads orders on stdin until that ends, or until none came for so long that whoever listened is gone. Each thing that is
# looked at is a process of its own, ended by name.
pace=10 orphaned=180 tab=$(printf '\t')
probes='' virtual='' virtual_port='' peers='' units='' watching='' lives=''

say() {
  read -r up rest < /proc/uptime
  printf '%s\t%s\n' "$up" "$1" || exit 0
}

field() { printf '%s' "$1" | cut -f "$2"; }

# An address as it stands in a URL.
bracketed() { case $1 in *:*) printf '[%s]' "$1" ;; *) printf '%s' "$1" ;; esac; }

# Whether anything at an address and port accepts a connection or refuses it: either way the host is there.
answers() {
  said=$(LC_ALL=C curl -sv -o /dev/null --connect-timeout 1 --max-time 1 "http://$(bracketed "$1"):$2" 2>&1)
  case $? in
    7 | 28) case $said in *refused* | *"Connected to"*) return 0 ;; *) return 1 ;; esac ;;
    *) return 0 ;;
  esac
}

# Whether it does so at any of the ports, with commas between.
answers_at() {
  for at in $(printf '%s' "$2" | tr ',' ' '); do
    if answers "$1" "$at"; then return 0; fi
  done
  return 1
}

reached() {
  if [ -z "$2" ] || answers_at "$1" "$2"; then echo "hung${tab}the host answers elsewhere"; return; fi
  for peer in $peers; do
    [ "${peer%:*}" = "$1" ] && continue
    if answers_at "${peer%:*}" "${peer##*:}"; then echo "silent${tab}nothing of the host answers, others do"; return; fi
  done
  echo "alone${tab}no host answers"
}

look() { # one look by the fields of a probe: outcome, tab, a word on it
  address=$(field "$1" 3) port=$(field "$1" 4) protocol=$(field "$1" 5) request=$(field "$1" 6) ca=$(field "$1" 7)
  certificate=$(field "$1" 8) timeout=$(field "$1" 10) accepts=$(field "$1" 12) reach=$(field "$1" 13)
  name=$(field "$1" 14) asked=$(bracketed "$address")
  path=${request#* } path=${path% *}
  set -- -s -o /dev/null --max-time "$timeout" -w '%{http_code} %{time_connect}'
  if [ "$protocol" = https ]; then
    [ -r "$ca" ] || { echo "unsure${tab}cannot verify: $ca is missing"; return; }
    set -- "$@" --cacert "$ca"
    # An older curl than 7.49 cannot be told where a name is, but takes it all the same for this one host and port.
    [ "$name" = "$address" ] || { set -- "$@" --noproxy "$name" --resolve "$name:$port:$asked"; asked=$name; }
    [ -z "$certificate" ] || set -- "$@" --cert "$certificate.crt" --key "$certificate.key"
  fi
  scheme=$protocol
  [ "$protocol" != tcp ] || scheme=telnet path='' # which sends nothing that the service would complain of
  said=$(curl "$@" "$scheme://$asked:$port$path" 2> /dev/null < /dev/null)
  code=$? status=${said% *} connected=${said#* }
  if [ "$protocol" = tcp ]; then
    case "$connected" in *[1-9]*) echo "passed$tab"; return ;; esac
  fi
  case $code in
    0) case ",2xx,$accepts," in
         *",$status,"*) echo "passed$tab" ;;
         *) case $status in 2??) echo "passed$tab" ;; *) echo "bad${tab}HTTP $status" ;; esac ;;
       esac ;;
    7) if answers "$address" "$port"; then echo "refused${tab}nothing listens on port $port"; else reached "$address" "$reach"; fi ;;
    28) case "$connected" in *[1-9]*) echo "hung${tab}no answer within $timeout s" ;; *) reached "$address" "$reach" ;; esac ;;
    51 | 58 | 60 | 77) echo "tls${tab}the certificate is not accepted (curl $code)" ;;
    *) echo "bad${tab}curl $code" ;;
  esac
}

overloaded() { awk -v cpus="$(nproc)" '{exit !($1 > 16 * cpus)}' /proc/loadavg; }

watch() { # look at the interval until ended; tell what is new, and the first few that are the same
  name=$(field "$1" 2) interval=$(field "$1" 9) times=$(field "$1" 11) last='' run=0
  while :; do
    found=$(look "$1")
    case ${found%%"$tab"*} in
      hung | silent | alone) if overloaded; then found="held_up${tab}overloaded"; fi ;;
    esac
    outcome=${found%%"$tab"*}
    if [ "$outcome" = "$last" ]; then run=$((run + 1)); else run=1; fi
    last=$outcome
    [ $run -gt "$times" ] || say "look$tab$name$tab$found"
    sleep "$interval"
  done
}

rest() { # end who watches $1
  kept=''
  for pair in $watching; do
    if [ "${pair%%=*}" = "$1" ]; then kill "${pair#*=}" 2> /dev/null; else kept="$kept $pair"; fi
  done
  watching=$kept
}

hangs() { # whether a unit that is active was stopped by a signal, or is an engine that does not answer
  case $(awk '/^State:/ {print $2}' "/proc/$(systemctl show -p MainPID --value "$1")/status" 2> /dev/null) in
    [Tt]) return 0 ;;
  esac
  [ "$1" = docker ] || return 1
  curl -s -o /dev/null --max-time 8 --unix-socket /var/run/docker.sock http://docker/_ping
  [ $? = 28 ]
}

# Sets $state to `restarting` if a unit ends again and again, and to `stuck` if it takes too long to start; what the
# reports before this one said is kept in $lives, as words of unit:restarts:recent:calm:starting.
judge() {
  before=-1 recent=0 calm=0 starting=0 kept=''
  for life in $lives; do
    case $life in "$1":*) IFS=: read -r _ before recent calm starting << LIFE
$life
LIFE
      ;; *) kept="$kept $life" ;; esac
  done
  restarts=$(systemctl show -p NRestarts --value "$1" 2> /dev/null)
  case $restarts in '' | *[!0-9]*) restarts=0 ;; esac
  if [ "$before" -ge 0 ] && [ "$restarts" -gt "$before" ]; then
    calm=0 recent=$((recent + restarts - before))
  else
    calm=$((calm + 1))
  fi
  if [ $calm -ge 6 ] || [ "$restarts" -lt "$before" ]; then recent=0; fi
  if [ "$state" = activating ]; then starting=$((starting + 1)); else starting=0; fi
  lives="$kept $1:$restarts:$recent:$calm:$starting"
  case $state in
    active | activating)
      if [ $recent -ge 3 ]; then state=restarting; elif [ $starting -ge 6 ]; then state=stuck; fi ;;
  esac
}

held() { # what this host says of the API's virtual address
  if ip -o addr | awk '{sub("/.*", "", $4); print $4}' | grep -qxF "$virtual"; then echo holds
  elif answers "$virtual" "$virtual_port"; then echo reached; else echo nobody; fi
}

report() {
  for unit in $units; do
    state=$(systemctl is-active "$unit" 2> /dev/null)
    judge "$unit"
    if [ "$state" = active ] && hangs "$unit" && ! overloaded; then state=hanging; fi
    say "unit$tab$unit$tab${state:-unknown}"
  done
  df -P /var/lib/windlass / 2> /dev/null | awk 'NR > 1 && !seen[$1]++ {sub("%", "", $5); print $6, 100 - $5}' |
    while read -r path free; do
      # File systems that make inodes as they need them say that they have none at all.
      inodes=$(df -Pi "$path" 2> /dev/null | awk 'NR == 2 && $2 > 0 {sub("%", "", $5); print " " 100 - $5}')
      say "disk$tab$path$tab$free$inodes"
    done
  [ -z "$virtual" ] || say "address$tab$virtual$tab$(held)"
}

uptime() { read -r up rest < /proc/uptime; echo "${up%.*}"; }

beat() { # each order is told to this process by a signal
  heard=$(uptime)
  trap 'heard=$(uptime)' USR1
  while :; do
    [ $(($(uptime) - heard)) -le $orphaned ] || kill 0
    say "beat$tab$(date +%s)"
    report
    sleep $pace
  done
}

inspect() {
  said=$(docker inspect -f '{{.State.Status}} {{.State.StartedAt}}' "windlass-$1" 2> /dev/null) || said='unknown '
  started=$(date -d "${said#* }" +%s 2> /dev/null) || started=$(date +%s)
  say "container$tab$1$tab${said%% *}$tab$(($(date +%s) - started))"
}

trap 'kill 0' EXIT
trap '' USR1 # until who beats has set its own
beating=''
while IFS= read -r order; do
  [ -z "$beating" ] || kill -s USR1 "$beating"
  case "${order%%"$tab"*}" in
    probe) probes="$probes$order
" ;;
    peer) peers="$peers $(field "$order" 2):$(field "$order" 3)" ;;
    unit) units="$units $(field "$order" 2)" ;;
    address) virtual=$(field "$order" 2) virtual_port=$(field "$order" 3) ;;
    start) beat & beating=$! ;;
    watch)
      name=$(field "$order" 2)
      rest "$name"
      watch "$(printf '%s' "$probes" | grep -F "probe$tab$name$tab")" &
      watching="$watching $name=$!" ;;
    rest) rest "$(field "$order" 2)" ;;
    # Not at once: where no host has python3, each would pass it on to the next.
    nodes) { sleep 45; say "nodes${tab}blind"; } & ;;
    inspect) inspect "$(field "$order" 2)" & ;;
  esac
done
