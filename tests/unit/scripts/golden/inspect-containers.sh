docker ps -aq --filter label=io.windlass.cluster=demo | xargs -r docker inspect --format '{{json .}}'
