# make            says what there is
# make demo       from nothing to a table and a report
# make test       everything that has to hold

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help libtorch arrow openvino video plotly weights mllm-weights setup build demo test test-levels kill-test full-disk-test lint format docs docs-check promises golden \
  browser-test tables-test export-test adapter-test mllm-readout mllm-emoji mlflow-test wheel wheel-test release example bench bench-costs bench-check bench-encoders bench-mllm fuzz sanitize load-test coverage audit-coverage audit-doors serve serve-test \
  recipes-test scale-test distributed-test install uninstall install-test clean

PYTHON ?= python3
export PYTHON
export LIBTORCH ?= $(CURDIR)/.libtorch/torch
# Named only where it is there: the package is looked at anew when its environment is another.
export ARROW ?= $(patsubst %/version,%,$(wildcard $(CURDIR)/.arrow/version))

export OPENVINO ?= $(patsubst %/version,%,$(wildcard $(CURDIR)/.openvino/version))

# What is ours and formatted: only folders that are there.
SWIFT := $(wildcard Package.swift Sources Tests Fuzz Examples Benchmarks Snippets)

help: ## say what each verb does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

libtorch: ## fetch libtorch into .libtorch (nothing to do if LIBTORCH names one)
	@scripts/libtorch.sh

arrow: ## fetch Arrow into .arrow, which reads and writes Parquet (nothing to do if ARROW names one)
	@scripts/arrow.sh

openvino: ## fetch OpenVINO into .openvino, which runs ONNX models that are audited (nothing to do if OPENVINO names one)
	@scripts/openvino.sh

video: ## install FFmpeg's libraries, which read video and further sounds
	@SEESAW_VIDEO=1 scripts/system-libraries.sh

plotly: ## fetch Plotly.js into .plotly, for the figures of reports
	@scripts/plotly.sh

setup: libtorch plotly ## libtorch, Plotly.js, Arrow, and the system's libraries for pictures, sounds, archives, HDF5 and digests
	@scripts/arrow.sh --if-quick
	@scripts/system-libraries.sh

build: setup ## the command, optimized: .build/release/seesaw
	swift build -c release --product seesaw

serve: setup ## the server behind 'seesaw serve', optimized: .build/release/seesaw-serve
	swift build -c release --product seesaw-serve

PREFIX ?= /usr/local
export PREFIX DESTDIR

install: build ## the command, completion for bash, zsh and fish, and the manual, into PREFIX (/usr/local); DESTDIR is honoured
	@scripts/install.sh

uninstall: ## remove what install put into PREFIX
	@scripts/install.sh uninstall

install-test: build ## install into a temporary folder: files, manual pages, completion in bash, and what uninstall leaves
	@scripts/install-test.sh

weights: ## fetch pretrained encoders of pictures and texts into .weights, for encode to use by default
	@scripts/weights.sh

mllm-weights: ## fetch a small language model into .weights, to try seesaw mllm with
	@scripts/mllm-weights.sh

mllm-readout: build ## train LoRA and MokA on a small language model from nothing, three seeds, a table (some minutes)
	.build/release/seesaw mllm readout --seeds 3 --markdown runs/mllm-readout.md

mllm-emoji: build ## train LoRA and MokA on SmolLM2-135M with EfficientNet-Lite0 before it, on the emoji data: SEEDS=3 (hours)
	@scripts/weights.sh && scripts/mllm-weights.sh
	$(PYTHON) scripts/mllm-emoji.py --seeds $(or $(SEEDS),3)

demo: build ## train and compare methods on the emoji data, and write a report
	@scripts/weights.sh || echo "demo: without pretrained encoders; those that come with Seesaw are used"
	.build/release/seesaw demo

test: setup lint ## lint, then every test, what depends on the processor at its lowest level too, then the example packages
	swift build --build-tests
	swift test --skip-build --parallel
	@$(MAKE) --no-print-directory test-levels example

# What libtorch, oneDNN and MKL are let use of a processor: what an old one has. The tests are built by `make test`.
LEVEL := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2
LEVEL_ENCODERS := (Pretrained|TextNetwork|VisionNetwork|TorchScript|TrainedNetwork|RandomizedSVD|Audio)
LEVEL_TESTS := ^(TorchTests|TorchNNTests)\.|[Gg]olden|ProcessorTests|^EncodersTests\.$(LEVEL_ENCODERS)

test-levels: ## the tests whose numbers depend on the processor, as if it were an old one
	$(LEVEL) swift test --skip-build --parallel --filter '$(LEVEL_TESTS)'

kill-test: build ## kill runs, comparisons and encodings hundreds of times, and compare every bit (some minutes)
	@$(PYTHON) scripts/kill-harness.py

full-disk-test: build ## fill small disks under runs and encodings (Linux, as root)
	@scripts/full-disk.sh

lint: ## formatting, one test and one registry line a method and a layout, links in the documentation
	swift format lint --strict --recursive --parallel --configuration .swift-format $(SWIFT)
	@scripts/check-mirror.sh
	@$(MAKE) --no-print-directory docs-check promises

format: ## format every Swift file in place
	swift format --in-place --recursive --parallel --configuration .swift-format $(SWIFT)

docs-check: ## every relative link in the documentation leads somewhere
	@$(PYTHON) scripts/check-links.py

promises: ## every test that reliability.md and hostile-input.md name is there
	@$(PYTHON) scripts/check-promises.py

docs: setup ## the library's documentation (.docs), and the methods' and data sets' pages anew, from their cards
	@scripts/documentation.sh
	swift run seesaw methods --pages Documentation/methods
	swift run seesaw datasets ls --page Documentation/datasets.md

golden: ## compute the golden numbers again, with PyTorch and scikit-learn
	@scripts/golden.sh

browser-test: ## look at reports with Chromium: figures, tables, keyboard, contrast, widths, speed
	@scripts/browser-test.sh

tables-test: ## compile reports' LaTeX tables with a TeX of Debian's packages, and read their CSV with pandas
	@scripts/tables-test.sh

export-test: ## run exported models in ONNX Runtime and PyTorch from PyPI, against the command's own answers
	@scripts/export-test.sh

adapter-test: ## read adapters of 'mllm train' with PEFT and transformers from PyPI, and PEFT's own with the command
	@scripts/adapter-test.sh

mlflow-test: ## read what --mlflow writes with MLflow from PyPI
	@scripts/mlflow-test.sh

wheel: setup ## a Python wheel with the command and the module inside, in dist/ (Linux)
	@scripts/wheel.sh

wheel-test: ## install the wheel into an empty environment, and use it there
	@scripts/wheel-test.sh

release: ## check that the version in the tree can be released, and make its tag
	@scripts/release.sh

# In the folder of our own builds, so that what the tests are built of is not compiled again.
EXAMPLES := --scratch-path .build

example: setup ## build the example packages, which use Seesaw as a dependency, and test the method of one
	swift build $(EXAMPLES) --package-path Examples/UseSeesaw
	swift build $(EXAMPLES) --package-path Examples/OwnMethod --build-tests
	swift test $(EXAMPLES) --package-path Examples/OwnMethod --skip-build --parallel

bench: build ## speed against the bare products and eager PyTorch (QUICK=1: two minutes)
	@python="$$(scripts/python-environment.sh)" && swift run -c release --package-path Benchmarks Benchmark \
	  --python "$$python" --program .build/release/seesaw $(if $(QUICK),--quick)

bench-costs: setup ## what a step of every method costs against joint training's, for the methods' pages
	@python="$$(scripts/python-environment.sh)" && swift run -c release --package-path Benchmarks Benchmark costs --python "$$python"

bench-check: setup ## that the PyTorch reference of the benchmark computes what we compute
	@python="$$(scripts/python-environment.sh)" && swift run -c release --package-path Benchmarks Benchmark check \
	  --python "$$python"

bench-encoders: setup ## pretrained encoders against transformers: same checkpoints, libtorch, threads and batches
	swift build -c release --package-path Benchmarks --product EncoderBenchmark
	@"$$(scripts/python-environment.sh)" Benchmarks/reference/encoders.py

bench-mllm: build ## SmolLM2-135M's tokens a second and memory against transformers' eager PyTorch (minutes)
	@scripts/mllm-weights.sh
	@"$$(scripts/python-environment.sh)" scripts/mllm-speed.py

fuzz: setup ## search for input that breaks a parser: TARGET=json MINUTES=10; a target is a folder of Fuzz/Corpus
	@scripts/fuzz.sh "$(TARGET)" "$(or $(MINUTES),10)"

sanitize: setup ## the corpus, and the tests of what calls C and C++, under AddressSanitizer and UBSan
	@scripts/sanitize.sh

load-test: build ## hundreds of runs, a million samples, a million lines: memory must stay where it is
	@$(PYTHON) scripts/load-test.py .build/release/seesaw

coverage: setup ## how often a diagnosis's 95 % intervals hold the truth, in ROUNDS=2000 made-up experiments of each kind
	SEESAW_COVERAGE_ROUNDS=$(or $(ROUNDS),2000) swift test --filter BootstrapCoverageTests

audit-coverage: setup ## how often the findings of an audit are right, of planted data and permuted labels: DRAWS=200 of each kind
	SEESAW_AUDIT_DRAWS=$(or $(DRAWS),200) swift test --filter PlantedWordsTests

audit-doors: build ## one PyTorch model through every door of audit, and three other kinds from Python (minutes)
	@"$$(scripts/python-environment.sh)" scripts/audit-doors.py

serve-test: build serve ## the server: OpenAPI, malformed requests, SIGTERM under load, memory, against FastAPI (minutes)
	@"$$(scripts/python-environment.sh)" scripts/serve-test.py .build/release/seesaw-serve

recipes-test: build ## the recipes for clusters, as they stand in the documentation, and shards by turns with processes killed
	@scripts/recipes-test.sh

scale-test: build ## 64 processes take 10,000 shards by turns, then processes are killed over 1,000 (minutes; SLOW=1: also on a slow disk, as root)
	@$(PYTHON) scripts/scale-test.py $(if $(SLOW),--slow)

distributed-test: build ## one model trained by 2 and 4 processes that torchrun starts, some of them killed (minutes)
	@scripts/distributed-test.sh

clean: ## remove what was built; libtorch stays
	rm -rf .build .build-fuzz .build-sanitize Examples/*/.build Benchmarks/.build
