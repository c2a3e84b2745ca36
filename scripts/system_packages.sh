#!/bin/sh
# Looks for the programs that some tests want, and installs the missing ones where it may.
# Without them, these tests are skipped with the reason, or fail where CI=true.
set -eu

missing=''
want() { # want PACKAGE PROGRAM...: any one of the programs will do
    package=$1
    shift
    for program in "$@"; do
        if command -v "$program" >/dev/null || [ -e "$program" ]; then return; fi
    done
    missing="$missing $package"
}
want chromium chromium chromium-browser google-chrome
want nodejs node
want npm npm
want default-jre-headless java
want dataset-fashion-mnist /usr/share/datasets/fashion-mnist

if [ -z "$missing" ]; then exit 0; fi
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "Installing$missing (Debian packages)."
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086 # one word a package
    apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=120 $missing >/dev/null
else
    echo "Missing for some tests:$missing. On Debian and Ubuntu: sudo make system"
fi
