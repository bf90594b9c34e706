#!/bin/sh
# Turns a minimal Debian with the packages of `packages` into the base image. Runs once, inside the image's root.
set -eu

# As the official image of Airflow has them: the user, of root's group, and its folders.
useradd --uid 50000 --gid 0 --create-home --shell /bin/bash airflow
install -d -o airflow -g 0 -m 0775 /opt/airflow /opt/airflow/logs /opt/airflow/dags
ln -s python3 /usr/bin/python

# PostgreSQL's programs stand beside each other's versions; the database that its package made is nobody's.
for program in /usr/lib/postgresql/15/bin/*; do
    [ -e "/usr/local/bin/${program##*/}" ] || ln -s "$program" "/usr/local/bin/${program##*/}"
done
rm -rf /var/lib/postgresql/15 /etc/postgresql/15 /etc/ssl/private/ssl-cert-snakeoil.key
install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data

cat >/entrypoint <<'END'
#!/bin/sh
# Starts what it is told, as the official images of PostgreSQL do: the first time that makes the database.
set -eu
if [ "${1:-}" != postgres ] || [ "$(id -u)" != 0 ]; then
    exec "$@"
fi

data=${PGDATA:-/var/lib/postgresql/data}
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
mkdir -p "$data" /var/run/postgresql
chown postgres:postgres "$data" /var/run/postgresql
chmod 0700 "$data"
# initdb leaves PG_VERSION behind even where it is killed: the mark says that all was made.
if [ ! -e "$data/made" ]; then
    find "$data" -mindepth 1 -delete
    as_postgres initdb --pgdata="$data" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
        --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
    # Alone, on the socket: nobody reaches it before it is whole.
    as_postgres pg_ctl --pgdata="$data" --options="-c listen_addresses= -c unix_socket_directories=/var/run/postgresql" --wait start
    as_postgres createdb --host=/var/run/postgresql --username="$POSTGRES_USER" "${POSTGRES_DB:-$POSTGRES_USER}"
    as_postgres pg_ctl --pgdata="$data" --mode=fast --wait stop
    as_postgres touch "$data/made"
fi
shift
exec setpriv --reuid=postgres --regid=postgres --init-groups postgres -D "$data" \
    -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql "$@"
END
chmod 0755 /entrypoint

rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /var/log/*.log
