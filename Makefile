# SPDX-License-Identifier: MIT
# A thin front: everything real is in meson.build and tools/.
BUILD ?= build/release
PREFIX ?= /usr/local
# Below /usr/local this is where Debian's ldconfig and pkg-config look. Meson's own choice is lib64 where dpkg-dev is missing, and nobody looks there.
LIBDIR ?= lib

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD) --prefix $(abspath $(PREFIX)) --libdir $(LIBDIR) --buildtype release -Dtests=false

# A prefix named here counts also when another was built for: `make; make install PREFIX=DIR`. Without one, what was built for stays.
install: all
ifneq ($(origin PREFIX),file)
	meson configure $(BUILD) --prefix $(abspath $(PREFIX))
	ninja -C $(BUILD)
endif
	meson install -C $(BUILD) --no-rebuild

demo check bench nightly release bootstrap:
	tools/$@

clean:
	rm -rf build

.PHONY: all install demo check bench nightly release bootstrap clean
