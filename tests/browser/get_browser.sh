#!/usr/bin/env bash
# What tests/browser needs besides Python packages: Chromium, and axe-core in build/. Says plainly what is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

AXE_VERSION=4.14.1
AXE_SHA256=e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745

missing() {
    echo "make test-view: $1" >&2
    exit 1
}

if [ -z "${CHROMIUM-}" ] && ! command -v chromium > /dev/null; then
    command -v apt-get > /dev/null || missing "there is no chromium here: install it, or set CHROMIUM to Chrome's program"
    as_root=()
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo -n)
        sudo -n true || missing "there is no chromium here: sudo apt-get install chromium"
    fi
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium
fi

command -v node > /dev/null || missing "node is not here, in which the page's plain modules are tested"

# A released file, told by its sum: no node project here.
name=axe-core-$AXE_VERSION
if ! [ -f "build/$name.min.js" ]; then
    command -v npm > /dev/null || missing "npm is not here, which brings $name (checks of accessibility)"
    mkdir -p build
    npm pack --silent --pack-destination build "axe-core@$AXE_VERSION" > /dev/null
    echo "$AXE_SHA256  build/$name.tgz" | sha256sum --check --quiet || missing "$name is not the file that it was"
    tar -xzf "build/$name.tgz" -C build package/axe.min.js
    mv build/package/axe.min.js "build/$name.min.js"
    rm -r build/package "build/$name.tgz"
fi
