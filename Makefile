.PHONY: help demo test test-sandbox chaos bench-ingest lint format requirements icons licences screenshots clean distclean

PY := .venv/bin/python
export PYTHONUNBUFFERED := 1
# If it were set, every process would compile everything again.
export PYTHONDONTWRITEBYTECODE :=

help:
	@echo "make demo          start the portal with a sandbox Clarius Cloud (PORT, SANDBOX_PORT, SANDBOX_MEDIA_PORT)"
	@echo "make test          run the whole suite on the embedded defaults"
	@echo "make chaos         kill processes at random and check that nothing is lost (SEED, N, KILLS, CHAOS=--embedded)"
	@echo "make bench-ingest  measure webhook, downloads, polling and the time to READY, each beside its limit"
	@echo "make lint          check style, types, import directions, migrations, templates, sizes"
	@echo "make requirements  pin the dependencies again"
	@echo "make icons         make the icon font of the admin again, after an icon was added or the theme upgraded"
	@echo "make licences      write the tables of docs/licences.md and the bill of materials, build/sbom.cdx.json"
	@echo "make screenshots   take the README's screenshots from a running demo"
	@echo "make clean         delete the demo's data"
	@echo "make distclean     delete the demo's data and what was installed"

demo:
	@scripts/make_venv.sh demo
	@exec $(PY) manage.py demo

# Four files at a time: many wait for processes that they started. In the order of tests/order.py.
SIDE_BY_SIDE := -n 4 --dist loadfile --no-loadscope-reorder
SANDBOX_SUITE := $(PY) -m pytest -c tests/sandbox/pytest.ini --rootdir . tests/sandbox
# The sandbox's suite runs beside the portal's and is printed after it.
test:
	@scripts/make_venv.sh dev
	@printed=$$(mktemp); trap 'kill $$beside 2>/dev/null; rm -f "$$printed"' EXIT; trap 'exit 130' INT TERM; \
	if [ -e tests/sandbox/pytest.ini ]; then $(SANDBOX_SUITE) >"$$printed" 2>&1 & beside=$$!; fi; \
	echo "$(PY) -m pytest $(SIDE_BY_SIDE)"; $(PY) -m pytest $(SIDE_BY_SIDE); portal=$$?; \
	wait $$beside; sandbox=$$?; cat "$$printed"; [ $$portal = 0 ] && [ $$sandbox = 0 ]

test-sandbox:
	@if [ -e tests/sandbox/pytest.ini ]; then $(SANDBOX_SUITE); fi

# N submissions, while KILLS processes and servers are killed. The run prints its seed.
N ?= 200
KILLS ?= 100
chaos:
	@scripts/make_venv.sh dev
	$(PY) -m tests.chaos $(if $(SEED),--seed $(SEED)) --submissions $(N) --kills $(KILLS) $(CHAOS)

bench-ingest:
	@scripts/make_venv.sh dev
	$(PY) -m bench

lint:
	@scripts/make_venv.sh dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	$(PY) -m mypy
	@if [ -e sandbox/settings.py ]; then $(PY) -m mypy --config-file sandbox/mypy.ini; fi
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=tests.sandbox.settings $(PY) manage.py makemigrations --check --dry-run
	.venv/bin/djlint --lint --quiet templates $$(test -d sandbox/templates && echo sandbox/templates)
	$(PY) -m pytest -q tests/test_sizes.py

format:
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

requirements:
	@scripts/make_venv.sh dev
	.tool/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml -o requirements/portal.txt
	.tool/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --extra demo pyproject.toml -o requirements/demo.txt
	.tool/bin/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --extra demo --group dev pyproject.toml -o requirements/dev.txt
	.tool/bin/uv pip compile -q --universal --no-deps --generate-hashes --no-header --no-annotate --group pyproject.toml:debian -o requirements/av-debian.txt

icons:
	@scripts/make_venv.sh dev
	$(PY) scripts/icon_font.py

licences:
	@scripts/make_venv.sh dev
	$(PY) scripts/licences.py

screenshots:
	@scripts/make_venv.sh dev
	$(PY) scripts/screenshots.py

clean:
	rm -rf var

distclean: clean
	rm -rf .venv .tool build *.egg-info
