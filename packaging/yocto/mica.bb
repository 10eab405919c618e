# mica for Yocto (scarthgap and later), written by tools/release: put it into a layer as recipes-support/mica/. Needs
# meta-oe for cli11, cpp-httplib, nlohmann-json and utf8proc; what no layer has (libspng, xsimd) is built from its source.
SUMMARY = "Answers questions about pictures on a CPU, offline"
DESCRIPTION = "Vision-language models on a CPU: a program, a server and a library behind one C header, with a small model \
inside that reads instrument panels."
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=@license_md5@"

DEBIAN_POOL = "https://deb.debian.org/debian/pool/main"
SRC_URI = "@site@/mica-${PV}.tar.xz;name=mica \
           ${DEBIAN_POOL}/libs/libspng/libspng_0.7.3.orig.tar.gz;name=spng;unpack=0;subdir=${BP}/subprojects/packagecache \
           ${DEBIAN_POOL}/x/xsimd/xsimd_8.1.0.orig.tar.gz;name=xsimd;unpack=0;subdir=${BP}/subprojects/packagecache"
SRC_URI[mica.sha256sum] = "@sha256@"
SRC_URI[spng.sha256sum] = "a50cadbe808ffda1a7fab17d145f52a23b163f34b3eb3696c7ecb5a52340fc1d"
SRC_URI[xsimd.sha256sum] = "d52551360d37709675237d2a0418e28f70995b5b7cdad7c674626bcfbbf48328"

DEPENDS = "cli11 jpeg libpcre2 nlohmann-json utf8proc zlib"

inherit meson pkgconfig systemd

# Answers over HTTP, downloads, video files and editing at the prompt are there if they are asked for.
PACKAGECONFIG ??= "server webp"
PACKAGECONFIG[downloads] = "-Ddownloads=enabled,-Ddownloads=disabled,curl openssl"
PACKAGECONFIG[editing] = "-Dline_editing=enabled,-Dline_editing=disabled,libedit"
PACKAGECONFIG[quantizer] = "-Dquantizer=enabled,-Dquantizer=disabled,libeigen"
PACKAGECONFIG[server] = "-Dserve=enabled,-Dserve=disabled,cpp-httplib openssl"
PACKAGECONFIG[video] = "-Dvideo=enabled,-Dvideo=disabled,ffmpeg"
PACKAGECONFIG[webp] = "-Dwebp=enabled,-Dwebp=disabled,libwebp"

# Release, and not Yocto's plain: kernels are measured with -O3.
EXTRA_OEMESON = "--buildtype=release -Dtests=false -Donednn=disabled -Ddefault_library=both --wrap-mode=default"

# It is 64-bit code, for processors that have kernels.
COMPATIBLE_HOST = "(aarch64|x86_64).*-linux"

SYSTEMD_SERVICE:${PN} = "${@bb.utils.contains('PACKAGECONFIG', 'server', 'mica.service', '', d)}"
SYSTEMD_AUTO_ENABLE = "disable"
FILES:${PN} += "${nonarch_libdir}/systemd ${datadir}/bash-completion ${datadir}/fish ${datadir}/zsh"
