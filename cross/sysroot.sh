#!/bin/sh
# Unpacks Debian's arm64 libraries into a folder, for cross compiling: cross/sysroot.sh FOLDER
# Needs neither root nor a foreign architecture in dpkg: apt works on a state of its own inside FOLDER, so that nothing
# of this system changes. Writes FOLDER/sysroot.ini, the first --cross-file. Needs a Debian host.
set -eu

if [ $# != 1 ]; then
  echo "usage: cross/sysroot.sh FOLDER" >&2
  exit 1
fi
source_root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
wanted="libc6-dev libgomp1 libstdc++6 $("$source_root/tools/install-packages" --list libraries tests)"
stamp=$folder/.complete
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then exit 0; fi

state=$folder/.apt
mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
: >"$state/status" # nothing is installed: apt then names every package that a program needs, down to the C library
cat >"$state/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
Dir::State "$state";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
APT::Sandbox::User "";
CONF
apt_arm64() { APT_CONFIG=$state/apt.conf apt-get -q "$@" </dev/null; }
apt_arm64 update || echo "sysroot.sh: 'apt-get update' failed; trying with what was read" >&2
apt_arm64 install -y --no-install-recommends --download-only $wanted

# /lib and /usr/lib are one folder, as on an installed system.
mkdir -p "$folder/usr/lib"
[ -e "$folder/lib" ] || ln -s usr/lib "$folder/lib"
for package in "$state"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$folder" --exclude='./usr/share/doc/*' \
    --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*'
done
# Links such as libz.so -> /lib/... would lead out of the folder.
find "$folder" -type l -lname '/*' | while read -r link; do
  ln -sfnr "$folder$(readlink "$link")" "$link"
done
cat >"$folder/sysroot.ini" <<INI
# Written by cross/sysroot.sh.
[constants]
sysroot = '$folder'
INI
echo "$wanted" >"$stamp"
rm -rf "$state"
echo "sysroot.sh: Debian's arm64 libraries are in $folder; use --cross-file $folder/sysroot.ini"
