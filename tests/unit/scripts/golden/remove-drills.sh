
docker ps --all --quiet --filter label=io.windlass.drill | xargs -r docker rm --force --volumes >/dev/null
rm -rf /var/lib/windlass/drills
