began=$(date +%s%N); number=0
while [ $number -lt 10000 ]; do number=$((number + 1)); done
echo $(( ($(date +%s%N) - began) / 1000000 ))
