#!/bin/sh
# A folder with the arm64 packages of this machine's Debian, for the cross
# compiler's --sysroot and for qemu's -L. Nothing is configured or run in it,
# and the machine's own list of architectures stays as it is: apt gets lists, a
# cache and an empty status of its own.
#
# usage: tests/arm64/root.sh FOLDER PACKAGE...
set -eu
root=$1
shift
test "$(cat "$root/packages" 2>/dev/null)" != "$*" || exit 0

rm -rf "$root"
mkdir -p "$root/apt/lists/partial" "$root/apt/archives/partial" "$root/usr/lib"
root=$(cd "$root" && pwd)
: >"$root/apt/status"
apt() {
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
        -o APT::Sandbox::User=root -o APT::Install-Recommends=false \
        -o Dir::State="$root/apt" -o Dir::State::status="$root/apt/status" \
        -o Dir::Cache="$root/apt" "$@"
}
echo "fetching arm64 packages into $root"
apt update
apt install --yes --download-only "$@" >/dev/null

# What a system's first installation would have done: /lib is usr/lib, ...
ln -s usr/lib "$root/lib"
for package in "$root"/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" |
        tar -x -C "$root" --keep-directory-symlink
done
# ... links into the root stay in it, ...
find "$root/usr/lib" -lname '/*' | while read -r link; do
    ln -sfnr "$root$(readlink "$link")" "$link"
done
# ... and one of BLIS's variants is chosen.
triplet=aarch64-linux-gnu
for file in "$root/usr/lib/$triplet"/blis-*/libblis.so* \
    "$root/usr/include/$triplet"/blis-*/blis.h; do
    ln -sfr "$file" "$(dirname "$(dirname "$file")")"
done
rm -rf "$root/apt"
echo "$*" >"$root/packages"
