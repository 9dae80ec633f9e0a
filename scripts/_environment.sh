# Sourced by the scripts: makes .venv once, from the lock file, and puts it first on PATH.
# Installs again only when pyproject.toml, the lock file or the Python have changed.

tally_die() { printf '%s\n' "$*" >&2; exit 1; }

tally_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tally_venv=${TALLYSTICK_VENV:-$tally_root/.venv}

tally_python() {
    # The first Python that is new enough; plyvel has wheels to 3.12 and plyvel-next from 3.13.
    local name
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    tally_die "Tallystick needs Python 3.11 or newer. Install one (Debian: apt-get install python3 python3-venv), or name it: PYTHON=/path/to/python3 $0"
}

tally_environment() {
    local python version wanted
    python=$(tally_python) || exit 1
    version=$("$python" -c 'import platform; print(platform.python_version())')
    wanted="$version $(cat "$tally_root/pyproject.toml" "$tally_root/requirements.lock" | cksum)"
    if [ "$(cat "$tally_venv/tallystick.stamp" 2>/dev/null)" != "$wanted" ]; then
        printf 'Setting up %s (once; takes a minute) …\n' "${tally_venv#"$tally_root"/}" >&2
        if [ "$("$tally_venv/bin/python" -c 'import platform; print(platform.python_version())' 2>/dev/null)" != "$version" ]; then
            "$python" -m venv --clear "$tally_venv" >&2 ||
                tally_die "Python's venv module does not work here. On Debian: apt-get install python3-venv"
        fi
        "$tally_venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
            -r "$tally_root/requirements.lock" >&2 ||
            tally_die "The packages of requirements.lock could not be installed: see the lines above. Run the command again once the package index is reachable."
        "$tally_venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
            --no-build-isolation -e "$tally_root" >&2 || tally_die "Tallystick itself could not be installed: see the lines above."
        printf '%s' "$wanted" >"$tally_venv/tallystick.stamp"
    fi
    PATH="$tally_venv/bin:$PATH"
    export PATH
}

# Nodes and commands are processes of their own: without stored bytecode each of them compiles everything anew.
unset PYTHONDONTWRITEBYTECODE

tally_environment
