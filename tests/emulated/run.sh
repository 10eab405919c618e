#!/bin/sh
# Runs a static x86-64 program on an emulated processor with AVX-512 VNNI (Bochs' Ice Lake) under Debian's kernel:
#   run.sh BUILT PROGRAM [ARGUMENT...]
# BUILT holds boot.bin and init (meson.build) and keeps the kernel, which apt downloads the first time; nothing of this
# system changes. The program is alone in its machine, with a writable /tmp. Ends with its output and its status.
set -eu

if [ $# -lt 2 ]; then
  echo "usage: run.sh BUILT PROGRAM [ARGUMENT...]" >&2
  exit 125
fi
here=$(cd "$(dirname "$0")" && pwd)
built=$(cd "$1" && pwd)
program=$2
shift 2
memory_mib=256

folder=$(mktemp -d "$built/machine.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

if [ ! -e "$built/vmlinuz" ]; then
  package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
  if [ -z "$package" ]; then
    echo "run.sh: apt knows no kernel (linux-image-cloud-amd64); run apt-get update, on Debian" >&2
    exit 125
  fi
  (cd "$folder" && apt-get download -q -o APT::Sandbox::User=root "$package" </dev/null >&2)
  dpkg-deb -x "$folder"/linux-image-*.deb "$folder/kernel"
  mv "$folder"/kernel/boot/vmlinuz-* "$built/vmlinuz"
  rm -rf "$folder/kernel" "$folder"/*.deb
fi

# Features that this kernel stops at in Bochs; a clock that does not have to be measured, which a slow one would fail.
command_line="console=ttyS0,115200 panic=-1 clearcpuid=pku,xsaves,xsavec,fsrm tsc_early_khz=10000 tsc=reliable lpj=40000"
command_line="$command_line mitigations=off acpi=off pci=off random.trust_cpu=on lsm= cryptomgr.notests"
python3 "$here/disk.py" "$folder/disk.img" "$built/boot.bin" "$built/vmlinuz" "$built/init" "$program" $memory_mib \
  "$command_line" "$@"

cat >"$folder/bochsrc" <<CONF
config_interface: textconfig
display_library: term, options="hideIPS"
cpu: model=corei7_icelake_u, count=1, ips=10000000, reset_on_triple_fault=0
memory: guest=$memory_mib, host=$memory_mib
romimage: file=/usr/share/bochs/BIOS-bochs-latest, options=fastboot
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=disk, mode=flat, path=disk.img
boot: disk
com1: enabled=1, mode=file, dev=kernel.txt
com2: enabled=1, mode=file, dev=output.txt
com3: enabled=1, mode=file, dev=errors.txt
clock: sync=none, time0=utc
speaker: enabled=0
log: bochs.log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
CONF
echo c >"$folder/commands"
# Bochs 2.7 reads memory that it has not written, which Meson fills (MALLOC_PERTURB_).
(cd "$folder" && MALLOC_PERTURB_=0 TERM=vt100 bochs -q -f bochsrc -rc commands </dev/null >screen.txt 2>&1) || true

touch "$folder/output.txt" "$folder/errors.txt" "$folder/kernel.txt"
status=$(sed -n 's/^@@STATUS 0*\([0-9][0-9]*\)@@.*/\1/p' "$folder/output.txt" | tail -n 1)
sed '/^@@STATUS/d' "$folder/output.txt"
cat "$folder/errors.txt" >&2
if [ -z "$status" ]; then
  echo "run.sh: the emulated machine stopped before the program ended; its last lines:" >&2
  tail -n 5 "$folder/kernel.txt" >&2
  exit 125
fi
exit "$status"
