# SPDX-License-Identifier: MIT
# A thin front: everything real is in meson.build and tools/.
BUILD ?= build/release
PREFIX ?= /usr/local

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD) --prefix $(PREFIX) --buildtype release -Dtests=false

install: all
	meson install -C $(BUILD) --no-rebuild

demo check bench nightly release bootstrap:
	tools/$@

clean:
	rm -rf build

.PHONY: all install demo check bench nightly release bootstrap clean
