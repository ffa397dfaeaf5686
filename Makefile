# The two commands of the front door: make demo, make test. Both make their environment by themselves.

PYTHON3 ?= python3
BPY ?= 4.5.15
OTHER_BPY = 4.2.23 5.2.3
BETWEEN_BPY = 5.0.1
ENV = .venv
PY = $(ENV)/bin/python

.PHONY: env demo test test-all test-window lint build accuracy clean

env:
	@$(PYTHON3) tools/make_environment.py $(ENV) --bpy $(BPY)

demo: env
	@$(PY) tools/demo.py

test: env
	@$(PY) -m pytest

# The Blender tests again in the oldest and the newest Blender that this machine has the Python for, and in one between them those of what
# Blender keeps and exports; the engine stays that of .venv.
test-all: test
	@for version in $(OTHER_BPY); do $(PY) tools/test_blender_version.py $$version || exit 1; done
	@$(PY) tools/test_blender_version.py $(BETWEEN_BPY) $(patsubst %,tests/blender/test_%.py,extension capture bake operator tissue export after)

# In the real program and its window, with clicks: all in 5.2, a run in 4.3. Skipped with a reason where no Debian root can be made.
test-window: env
	@$(PY) tools/test_window.py

# Also writes docs/errors.md anew from the code: commit it where it changed.
lint: env
	@$(PY) tools/list_errors.py
	@$(ENV)/bin/ruff check .
	@$(PY) tools/typecheck.py

build: env
	@$(PY) tools/build_extension.py dist

accuracy: env
	@$(PY) benchmarks/accuracy.py

clean:
	rm -rf $(ENV) .envs .roots out dist build
