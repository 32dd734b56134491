# Builds the fuzz targets with clang and runs them; "make fuzz" starts this in the build directory, with
#   TOP      the top of the sources            FLAGS, LIBS    how httpd's headers and APR's and OpenSSL's libraries are found
#   TARGETS  the targets, "chain" for instance SECONDS      how long each runs
# What is found beyond the corpus stays in fuzz/TARGET, and an input that breaks a target is fuzz/TARGET-crash-... .
CC = clang
CFLAGS = -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fprofile-instr-generate -fcoverage-mapping
SOURCES := $(wildcard $(TOP)/src/*/*.c)
HEADERS := $(wildcard $(TOP)/include/*/*.h $(TOP)/tests/fuzz/*.h)
OBJECTS := $(SOURCES:$(TOP)/%.c=fuzz/objects/%.o)
COMPILE = $(CC) $(CFLAGS) $(FLAGS) -I'$(TOP)/include'

.PHONY: run coverage again
.SECONDARY:
run: $(TARGETS:%=run-%)

fuzz/objects/%.o: $(TOP)/%.c $(HEADERS)
	@mkdir -p '$(@D)'
	@$(COMPILE) -fsanitize=fuzzer-no-link -c -o '$@' '$<'

fuzz/libcfaop.a: $(OBJECTS)
	@rm -f '$@'
	@ar rc '$@' $(OBJECTS)

fuzz/fuzz_%: $(TOP)/tests/fuzz/fuzz_%.c $(TOP)/tests/fuzz/fields.c fuzz/libcfaop.a
	@$(COMPILE) -fsanitize=fuzzer -o '$@' $(filter %.c %.a,$^) $(LIBS)

# Silent while nothing is found.
run-%: fuzz/fuzz_% again
	@mkdir -p 'fuzz/$*'
	@LLVM_PROFILE_FILE='fuzz/$*.profraw' 'fuzz/fuzz_$*' -max_total_time=$(SECONDS) -print_final_stats=1 \
	    -artifact_prefix='fuzz/$*-' 'fuzz/$*' '$(TOP)/tests/fuzz/corpus/$*' > 'fuzz/$*.log' 2>&1 || { cat 'fuzz/$*.log'; exit 1; }
	@sed -n 's/^stat::number_of_executed_units: */$*: no finding, inputs: /p' 'fuzz/$*.log'

# How much of the fuzzed files all targets have run together, into the document.
coverage: run
	@llvm-profdata merge -o fuzz/all.profdata $(TARGETS:%=fuzz/%.profraw)
	@llvm-cov export -summary-only -instr-profile=fuzz/all.profdata $(TARGETS:%=-object fuzz/fuzz_%) > fuzz/coverage.json
	@python3 '$(TOP)/tests/fuzz/coverage.py' fuzz/coverage.json '$(TOP)/docs/reliability.md' $(SECONDS)
