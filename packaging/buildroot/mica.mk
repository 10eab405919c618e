################################################################################
#
# mica, written by tools/release: put this folder into package/ or an external
# tree, and its Config.in into the menu.
#
################################################################################

MICA_VERSION = @version@
MICA_SOURCE = mica-$(MICA_VERSION).tar.xz
MICA_SITE = @site@
MICA_LICENSE = Apache-2.0
MICA_LICENSE_FILES = LICENSE
MICA_INSTALL_STAGING = YES
MICA_DEPENDENCIES = host-pkgconf cli11 jpeg json-for-modern-cpp pcre2 utf8proc zlib

# What Buildroot has no package of; Meson finds them in its cache.
MICA_EXTRA_DOWNLOADS = \
	https://deb.debian.org/debian/pool/main/libs/libspng/libspng_0.7.3.orig.tar.gz \
	https://deb.debian.org/debian/pool/main/x/xsimd/xsimd_8.1.0.orig.tar.gz

define MICA_FILL_PACKAGE_CACHE
	mkdir -p $(@D)/subprojects/packagecache
	$(foreach file,$(notdir $(MICA_EXTRA_DOWNLOADS)),\
		cp $(MICA_DL_DIR)/$(file) $(@D)/subprojects/packagecache/$(sep))
endef
MICA_POST_EXTRACT_HOOKS += MICA_FILL_PACKAGE_CACHE

MICA_CONF_OPTS = \
	--buildtype=release \
	--wrap-mode=default \
	-Dtests=false \
	-Donednn=disabled \
	-Dquantizer=disabled \
	-Dvideo=disabled

ifeq ($(BR2_PACKAGE_MICA_SERVER),y)
MICA_DEPENDENCIES += cpp-httplib openssl
MICA_CONF_OPTS += -Dserve=enabled
else
MICA_CONF_OPTS += -Dserve=disabled
endif

ifeq ($(BR2_PACKAGE_LIBCURL)$(BR2_PACKAGE_OPENSSL),yy)
MICA_DEPENDENCIES += libcurl openssl
MICA_CONF_OPTS += -Ddownloads=enabled
else
MICA_CONF_OPTS += -Ddownloads=disabled
endif

ifeq ($(BR2_PACKAGE_LIBEDIT),y)
MICA_DEPENDENCIES += libedit
MICA_CONF_OPTS += -Dline_editing=enabled
else
MICA_CONF_OPTS += -Dline_editing=disabled
endif

ifeq ($(BR2_PACKAGE_WEBP)$(BR2_PACKAGE_WEBP_DEMUX),yy)
MICA_DEPENDENCIES += webp
MICA_CONF_OPTS += -Dwebp=enabled
else
MICA_CONF_OPTS += -Dwebp=disabled
endif

$(eval $(meson-package))
