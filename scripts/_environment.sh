# Sourced by the scripts: makes .venv once, from the lock file, and puts it first on PATH.
# Installs again only when pyproject.toml, the lock file or the Python have changed.

tally_die() { printf '%s\n' "$*" >&2; exit 1; }

tally_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tally_venv=${TALLYSTICK_VENV:-$tally_root/.venv}

tally_pace() {
    # Microseconds that an interpreter takes for a fixed piece of work, the best of five; empty if it is of
    # no use here. plyvel has wheels to 3.12 and plyvel-next from 3.13.
    "$1" - 2>/dev/null <<'PACE'
import sys
import ensurepip, venv  # Debian splits them off
from time import perf_counter
def work():
    begun, kept = perf_counter(), {}
    for number in range(60_000):
        kept[number & 1023] = (number, len(kept))
    return perf_counter() - begun
if sys.version_info < (3, 11):
    sys.exit(1)
print(round(min(work() for _ in range(5)) * 1_000_000))
PACE
}

tally_python() {
    # A Python that is new enough: the first on PATH, unless another build of it is faster by a fifth, as one
    # that was built with profile guided optimisation is beside one that was not.
    local name path pace best='' best_pace=0
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 /usr/bin/python3}; do
        path=$(command -v "$name") && pace=$(tally_pace "$path") && [ -n "$pace" ] || continue
        if [ -z "$best" ] || [ $((pace * 5)) -lt $((best_pace * 4)) ]; then
            best=$path best_pace=$pace
        fi
    done
    [ -n "$best" ] ||
        tally_die "Tallystick needs Python 3.11 or newer. Install one (Debian: apt-get install python3 python3-venv), or name it: PYTHON=/path/to/python3 $0"
    printf '%s' "$best"
}

tally_version() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null; }

tally_environment() {
    local python='' version wanted
    # An environment that is there keeps its Python, unless one is named.
    if [ -n "${PYTHON:-}" ] || ! version=$(tally_version "$tally_venv/bin/python"); then
        python=$(tally_python) || exit 1
        version=$(tally_version "$python")
    fi
    wanted="$version $(cat "$tally_root/pyproject.toml" "$tally_root/requirements.lock" | cksum)"
    if [ "$(cat "$tally_venv/tallystick.stamp" 2>/dev/null)" != "$wanted" ]; then
        printf 'Setting up %s (once; takes a minute) …\n' "${tally_venv#"$tally_root"/}" >&2
        if [ -n "$python" ] && [ "$(tally_version "$tally_venv/bin/python")" != "$version" ]; then
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
