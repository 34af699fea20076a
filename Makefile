# Every target sets up what it needs. A fresh machine needs Python 3.11+ with venv, git and make.
SHELL := /bin/bash
UV := $(shell command -v uv || echo "$(CURDIR)/.tools/bin/uv")
RUN := "$(UV)" run --no-sync
PYTHON ?= python3
# Some machines forbid to keep compiled code: each of the many processes that we start would compile all of it again, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo serve test lint bench e2e setup format

demo: setup ## the whole product with embedded servers and a realistic ERB, on PORT (8000)
	@exec $(RUN) python -m deploy.standalone.run demo

serve: setup ## a production-like server on PORT, with DATABASE_URL and BROKER_URL or the embedded servers
	@exec $(RUN) python -m deploy.standalone.run serve

test: setup ## the whole suite; browser tests run when a Chromium is found
	$(RUN) pytest -n 3 --dist loadgroup --no-loadscope-reorder --durations=25 --durations-min=3

lint: setup ## style, types, layers, templates, migrations, translations, deployment checks
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy .
	$(RUN) lint-imports
	$(RUN) djlint --lint --quiet companies merchants benefit_card purchasing deploy
	$(RUN) python manage.py makemigrations --check --dry-run
	$(RUN) python manage.py translations --check
	PUBLIC_URL=https://erb.example $(RUN) python manage.py check --deploy --fail-level WARNING
	$(RUN) pytest -q tests/test_docs.py

bench: setup ## figures, a table per area, JSON in .bench/latest.json
	$(RUN) python -m tests.bench

e2e: setup ## only the journeys through the browser
	$(RUN) pytest -m browser

format: setup
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

setup: .venv/.ready node_modules/.ready

.venv/.ready: pyproject.toml uv.lock
	@command -v uv >/dev/null || [ -x .tools/bin/uv ] || ($(PYTHON) -m venv .tools && .tools/bin/pip install --quiet uv)
	@"$(UV)" sync --frozen --quiet --all-groups
	@touch $@

node_modules/.ready: package.json package-lock.json .venv/.ready
	@NPM=$$(command -v npm || echo "$(CURDIR)/.venv/bin/npm"); PATH="$$(dirname "$$NPM"):$$PATH" "$$NPM" ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
