# Running and installing: the other part of the Makefile.
#
## make run            install what is missing, build, make data and certificates, open a trial meeting
## make demo           the same, with all 201 demo rooms joined by the simulator
##                     variables: DATA=./var HTTPS_PORT=8443 HTTP_PORT=8080 MEDIA_PORTS=20000-20999
## make install        programs, pages, roster and systemd units under DESTDIR and PREFIX
## make deb            a Debian package in build/

WEB := signaling/web
.PHONY: run demo run-packages pages install deb

run-packages:
	@config/packages/install.sh run build

# The second make starts after packages are there: pkg-config may not have been before.
# "exec" leaves no shell between: one that Ctrl-C kills would make `make` complain of it.
TRIAL := exec env BIN=$(BIN) DATA="$(DATA)" HTTPS_PORT=$(HTTPS_PORT) HTTP_PORT=$(HTTP_PORT) MEDIA_PORTS=$(MEDIA_PORTS) config/trial.sh
run: run-packages
	+@$(SUBMAKE) product
	@$(TRIAL)
demo: run-packages
	+@$(SUBMAKE) product
	@$(TRIAL) --demo

# Pages are built only where their sources changed; npm is asked only when the lock file changed.
WEB_SOURCES := $(shell find $(WEB) -name node_modules -prune -o -type f -print 2>/dev/null)
%/node_modules/.stamp: %/package-lock.json
	@echo "  NPM   $*"
	@cd $* && npm ci --no-fund --no-audit --loglevel=error && touch node_modules/.stamp
$(BUILD)/web.stamp: $(WEB)/node_modules/.stamp $(WEB_SOURCES)
	@echo "  WEB   build/web"
	@cd $(WEB) && npm run --silent build -- --outDir $(abspath $(BUILD))/web --emptyOutDir --logLevel warn
	@touch $@
pages: $(if $(wildcard $(WEB)/package-lock.json),$(BUILD)/web.stamp)
	@:

install: product
	@BIN=$(BIN) BUILD=$(BUILD) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) config/install.sh
deb: product
	@BIN=$(BIN) BUILD=$(BUILD) VERSION=$(VERSION) config/deb.sh
