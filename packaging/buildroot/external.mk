# Not tried: there was no Buildroot. Use this folder as BR2_EXTERNAL. Its inittab line is tried in a guest with BusyBox's init.
include $(sort $(wildcard $(BR2_EXTERNAL_NANOQGA_PATH)/nanoqga/nanoqga.mk))
