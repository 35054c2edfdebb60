# Not tried: there was no Buildroot. `cargo xtask dist` fills in the version and puts the archive into the folder above.
NANOQGA_VERSION = VERSION
NANOQGA_SITE = $(BR2_EXTERNAL_NANOQGA_PATH)
NANOQGA_SITE_METHOD = file
NANOQGA_SOURCE = nanoqga-$(NANOQGA_VERSION).tar.gz
NANOQGA_LICENSE = MIT or Apache-2.0
NANOQGA_LICENSE_FILES = LICENSE-MIT LICENSE-APACHE

NANOQGA_ARCH = $(patsubst i%86,i686,$(patsubst arm,armv7,$(patsubst powerpc64le,ppc64le,$(BR2_ARCH))))

define NANOQGA_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(@D)/nanoqga-linux-$(NANOQGA_ARCH) $(TARGET_DIR)/usr/sbin/qemu-ga
	$(INSTALL) -D -m 0644 $(@D)/packaging/qemu-ga.conf $(TARGET_DIR)/etc/qemu/qemu-ga.conf
endef

define NANOQGA_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/packaging/systemd/qemu-guest-agent.service \
		$(TARGET_DIR)/usr/lib/systemd/system/qemu-guest-agent.service
	$(INSTALL) -D -m 0644 $(@D)/packaging/systemd/60-qemu-guest-agent.rules \
		$(TARGET_DIR)/usr/lib/udev/rules.d/60-qemu-guest-agent.rules
endef

# BusyBox's init starts it again when it has ended.
define NANOQGA_INITTAB
	grep -q qemu-ga $(TARGET_DIR)/etc/inittab || \
		echo '::respawn:/usr/sbin/qemu-ga --retry-path' >> $(TARGET_DIR)/etc/inittab
endef
ifeq ($(BR2_INIT_BUSYBOX),y)
NANOQGA_TARGET_FINALIZE_HOOKS += NANOQGA_INITTAB
endif

$(eval $(generic-package))
