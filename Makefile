.PHONY: setup demo test test-slow lint bench lock

bin := .venv/bin

setup:
	@./bootstrap

demo: setup
	@$(bin)/lavalier demo --out runs/demo --force

test: setup
	@$(bin)/python -m pytest -q -n 2 --dist worksteal

test-slow: setup
	@$(bin)/python -m pytest -q -m slow -n 2 --dist worksteal

lint: setup
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/pyright
	@$(bin)/codespell --skip './.*,./runs,./locks,*.json' .

bench: setup
	@$(bin)/python -m benchmarks $(if $(DATA),--data $(DATA))

lock:
	uv pip compile -q --no-emit-index-url --no-annotate --no-header --python-version 3.10 --extra train --extra sweep --extra lava --group dev pyproject.toml -o locks/python3.10.txt
	uv pip compile -q --no-emit-index-url --no-annotate --no-header --universal --python-version 3.10 --extra train --extra sweep --group dev pyproject.toml -o locks/without-lava.txt
