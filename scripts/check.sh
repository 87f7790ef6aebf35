#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every check of the project, in stages; ./test calls it, and .ci/run calls ./test. The tools must be there already.
#
# usage: scripts/check.sh [--quick | STAGE ...]
#   --quick is: source format dev.  Stages in order: source format dev release python isa tsan fuzz arm64
# A stage whose tool is absent, or for which a run of all has no time left, says "skipped" and why. Logs: build/check/STAGE.log. The last line counts what ran;
# the exit code is 0 only when nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0 skipped=0
logs=$PWD/build/check
mkdir -p "$logs"
jobs=$(nproc)
clang=14                  # the version that .clang-format and the fuzz preset are written for
max_program_bytes=10500000
max_detector_bytes=4000000
fuzz_seconds=${MINNOW_FUZZ_SECONDS:-10}
last_begin=$((60 * 60))   # of a run of all stages: none begins later, so that a slow or busy machine ends within 90 minutes
program_seconds=1500     # after which a test program is taken to hang; each test has its own limit (tests/watchdog.cc)

# count P F S: adds to the sums.
count() { passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3)); }
skip() { echo "   skipped: $*"; count 0 0 1; }
# attempt LOG COMMAND...: one check; the end of its output is shown where it fails.
attempt() {
  local log=$logs/$1.log; shift
  local before=0
  [ -f "$log" ] && before=$(wc -l <"$log")
  echo "+ $*" >>"$log"
  if "$@" >>"$log" 2>&1; then return 0; fi
  echo "   FAILED: $*  (the end of its output follows; all of it is in ${log#"$PWD"/})"
  tail -n +$((before + 2)) "$log" | tail -n 60 | sed 's/^/   | /'
  return 1
}
check() { if attempt "$@"; then count 1 0 0; else count 0 1 0; fi; }
build() {  # build LOG PRESET TARGET...
  local log=$1 preset=$2; shift 2
  attempt "$log" cmake --preset "$preset" && attempt "$log" cmake --build "build/$preset" -j "$jobs" --target "$@" && return 0
  count 0 1 0
  return 1
}

# Runs a googletest program, a part of its tests on each core, and adds its own counts. gtest LOG COMMAND...
gtest() {
  local log=$1 reports part running=() status=0 counts; shift
  reports=$(mktemp -d); chmod 755 "$reports"   # some tests act as a user that may only read
  for ((part = 0; part < jobs; ++part)); do
    mkdir "$reports/$part"   # its files are its own: another run on this machine may use the same names
    TEST_TMPDIR=$reports/$part/ GTEST_TOTAL_SHARDS=$jobs GTEST_SHARD_INDEX=$part attempt "$log-$part" timeout "$program_seconds" "$@" \
      --gtest_brief=1 --gtest_output="json:$reports/$part.json" &
    running+=($!)
  done
  for part in "${running[@]}"; do wait "$part" || status=1; done
  counts=$(python3 - "$reports" "$jobs" <<'PY'
import json, os, sys
tests, dead = [], 0
for part in range(int(sys.argv[2])):
    try:
        suites = json.load(open(os.path.join(sys.argv[1], f"{part}.json")))["testsuites"]
    except (OSError, ValueError):
        dead += 1
        continue
    tests += [test for suite in suites for test in suite["testsuite"]]
failed = sum("failures" in test for test in tests)
skipped = sum(test["result"] == "SKIPPED" for test in tests)
print(sum(test["result"] != "SUPPRESSED" for test in tests) - failed - skipped, failed + dead, skipped)
PY
  )
  rm -rf "$reports"
  # shellcheck disable=SC2086
  count $counts
  # What failed outside of a test counts as one failure.
  if [ $status -ne 0 ] && [ "$(echo "$counts" | cut -d' ' -f2)" = 0 ]; then count 0 1 0; fi
  echo "   $counts (passed failed skipped)"
}

# The filter that picks the tests of these folders and files; fails where one has none. tests_of PROGRAM FOLDER|FILE...
tests_of() {
  local list status; list=$(mktemp)
  "$1" --gtest_list_tests --gtest_output="json:$list" >/dev/null || return 1
  shift
  python3 - "$list" "$@" <<'PY'
import json, sys
suites = json.load(open(sys.argv[1]))["testsuites"]
chosen = set()
for folder in sys.argv[2:]:
    here = {suite["name"] for suite in suites for test in suite["testsuite"] if f"/{folder}/" in f"/{test['file']}/"}
    if not here:
        sys.exit(f"no tests in {folder}")
    chosen |= here
print(":".join(f"{name}.*" for name in sorted(chosen)))
PY
  status=$?
  rm -f "$list"
  return $status
}

# Runs tests of a build folder through ctest and adds its counts. ctests LOG FOLDER OPTION...
ctests() {
  local log=$1 folder=$2 report status sums; shift 2
  report=$(mktemp)
  attempt "$log" ctest --test-dir "$folder" -j "$jobs" --output-on-failure --output-junit "$report" "$@"; status=$?
  sums=$(python3 - "$report" <<'PY'
import sys, xml.etree.ElementTree
try:
    suite = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
except (OSError, xml.etree.ElementTree.ParseError):
    sys.exit(0)
tests, failed = int(suite.get("tests")), int(suite.get("failures"))
skipped = int(suite.get("skipped")) + int(suite.get("disabled"))
print(tests - failed - skipped, failed, skipped)
PY
  )
  rm -f "$report"
  # shellcheck disable=SC2086
  [ -z "$sums" ] || count $sums
  # A test whose program is missing is no failure in the report.
  if [ $status -ne 0 ] && [ "$(echo "$sums" | cut -d' ' -f2)" = "${sums:+0}" ]; then count 0 1 0; fi
  echo "   ${sums:-none} (passed failed skipped)"
}

# ThreadSanitizer and randomised addresses of newer kernels do not go together.
fixed_addresses() { if setarch "$(uname -m)" -R true 2>/dev/null; then echo "setarch $(uname -m) -R"; fi; }

stage_source() {
  local name
  for name in check_layers check_docs check_style checks_test; do check source python3 "scripts/$name.py"; done
  if command -v shellcheck >/dev/null; then
    check source shellcheck test demo .ci/run scripts/*.sh deploy/*.sh
  else
    skip "shellcheck is not installed"
  fi
}

stage_format() {
  if ! command -v clang-format-$clang >/dev/null; then skip "clang-format-$clang is not installed"; return; fi
  check format sh -c "find src tests fuzz python -name '*.cc' -o -name '*.h' | xargs clang-format-$clang --dry-run --Werror"
}

stage_dev() {
  build dev dev all || return
  # Whole pictures take minutes here; jobs of the server below make some of each kind, and the release build makes all.
  gtest dev build/dev/minnow_tests --gtest_filter='-PictureTest.*:ImageJobTest.PreviewsByTaesd:ImageJobTest.StopsWithinAStep:*TaesdInEightBits'
  # Those of the page, of golden values and of images drive the program that is shipped, below: they look at answers, not
  # at memory. So do whole pictures, of which the unit tests above made some, and those of the shell that take minutes here.
  ctests dev build/dev -L program -LE 'web|golden|deploy' \
    -E '^(image_command|image_wires|images_api|images_client|web_ui_client|cli|index|bench|generate_command)_test$'
}

# The stripped program keeps to its size, not counting the language detector in it, and needs nothing of the system it
# runs on.
small_and_static() {
  local bytes model
  model=$(stat -c %s src/models/builtin/language_detector.minnow)
  bytes=$(($(stat -c %s "$1") - model))
  echo "$1: $bytes bytes, limit $max_program_bytes; and a language detector of $model bytes, limit $max_detector_bytes"
  [ "$model" -le $max_detector_bytes ] || return 1
  [ "$bytes" -le $max_program_bytes ] && ! ldd "$1" 2>/dev/null | grep -q '=>' && ! readelf -d "$1" | grep -q NEEDED
}

stage_release() {
  build release release minnow minnow_tests || return
  check release small_and_static build/release/minnow
  check release python3 scripts/check_simd_objects.py build/release
  # Of the unit tests those in which optimised code may differ; the dev build ran all.
  gtest release build/release/minnow_tests
  ctests release build/release -L program
}

# The wheel, in a fresh environment over this system's numpy, as its users have it.
stage_python() {
  local python="" one
  for one in python3 /usr/bin/python3; do
    if "$one" -c 'import ensurepip, numpy, setuptools, wheel' 2>/dev/null; then python=$one; break; fi
  done
  if [ -z "$python" ]; then skip "no Python with numpy, setuptools and wheel (python3-numpy, python3-setuptools, python3-wheel)"; return; fi
  if [ ! -e "$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')/Python.h" ]; then skip "python3-dev is not installed"; return; fi
  build python release minnow minnow_python || return
  check python env PYTHON="$python" scripts/build-wheel.sh
  local venv=build/python-venv wheels=(dist/minnow-*.whl) test
  rm -rf $venv
  if ! attempt python "$python" -m venv --system-site-packages $venv ||
     ! attempt python $venv/bin/pip install --no-index --no-deps --disable-pip-version-check "${wheels[0]}"; then count 0 1 0; return; fi
  for test in python/tests/test_*.py; do
    check python env MINNOW_WHEEL="$PWD/${wheels[0]}" $venv/bin/python tests/run_unittest.py "$test"
  done
  # From the index, where there is one.
  if $venv/bin/pip install --quiet --disable-pip-version-check abi3audit auditwheel >>"$logs/python.log" 2>&1; then
    check python $venv/bin/python -m abi3audit --strict "${wheels[0]}"
    check python $venv/bin/python -m auditwheel show "${wheels[0]}"
  else
    skip "abi3audit and auditwheel could not be fetched"
  fi
}

stage_isa() {
  build isa release minnow minnow_tests || return
  local cpu isa available others filter
  if ! { cpu=$(build/release/minnow cpu --json) &&
         filter=$(tests_of build/release/minnow_tests src/kernels src/nn src/models src/engine src/index/vectors tests/golden); }; then
    echo "   FAILED: minnow cpu, or the list of tests"
    count 0 1 0
    return
  fi
  available=$(echo "$cpu" | python3 -c 'import json, sys; print(*json.load(sys.stdin)["available_kernels"])')
  for isa in avx2 avx_vnni avx512 avx512_vnni avx512_bf16 amx_int8 amx_bf16; do
    [[ " $available " == *" $isa "* ]] || skip "this machine has no $isa"
  done
  # Whole pictures take minutes without vectors; one of them is enough there.
  local pictures='PictureTest.EqualsDiffusersWithEachScheduler:PictureTest.AMask*:PictureTest.OfAText*:PictureTest.Stops*:*TaesdInEightBits'
  # The release stage ran those that the program chooses; the others run the tests that know of instruction sets.
  others=$(echo "$cpu" | python3 -c '
import json, sys
cpu = json.load(sys.stdin)
print(*(isa for isa in cpu["available_kernels"] if isa != cpu["kernels"]))')
  for isa in $others; do
    echo "   MINNOW_ISA=$isa"
    gtest isa env MINNOW_ISA="$isa" build/release/minnow_tests --gtest_filter="$filter-$pictures"
  done
}

stage_tsan() {
  build tsan tsan minnow_tests || return
  local filter
  # Those with threads; the others have one, and take minutes here.
  filter=$(tests_of build/tsan/minnow_tests src/base src/nn/maps src/tasks src/engine src/index src/ingest src/serving src/http src/api tests/engine \
    tests/server tests/golden/same_bits_test.cc tests/golden/t5_bits_test.cc) || { count 0 1 0; return; }
  filter+=':PictureTest.Int8IsNear*:PictureTest.InABatch*'   # what threads and batches share; each takes minutes here
  # shellcheck disable=SC2046
  gtest tsan $(fixed_addresses) build/tsan/minnow_tests --gtest_filter="$filter"
}

stage_fuzz() {
  if ! command -v clang++-$clang >/dev/null; then skip "clang++-$clang is not installed"; return; fi
  ls fuzz/*_fuzz.cc >/dev/null 2>&1 || { skip "there are no fuzz targets"; return; }
  local targets
  targets=$(basename -s .cc -a fuzz/*_fuzz.cc)
  # shellcheck disable=SC2086
  build fuzz fuzz $targets || return
  local data=${MINNOW_DATA:-../shared/data} shared=build/fuzz/shared-seeds sources=(fuzz/*_fuzz.cc) source name
  if [ -f "$data/fuzz_seeds/corpus.tar.gz" ] && [ ! -d $shared ]; then
    mkdir -p $shared && tar -xzf "$data/fuzz_seeds/corpus.tar.gz" -C $shared
  fi
  # All at once, each for its share of the cores' time.
  local seconds=$((fuzz_seconds * (${#sources[@]} + jobs - 1) / jobs)) running=()
  echo "   ${#sources[@]} targets side by side, $seconds s"
  for source in "${sources[@]}"; do
    name=$(basename "$source" _fuzz.cc)
    local seeds=("build/fuzz/corpus/$name") options=() folder   # the first is where new inputs go: not into the tree
    mkdir -p "${seeds[0]}"
    for folder in "fuzz/corpus/$name" "$shared/$name/corpus"; do [ -d "$folder" ] && seeds+=("$folder"); done
    [ -f "$data/fuzz_dicts/$name.dict" ] && options=(-dict="$data/fuzz_dicts/$name.dict")
    rm -f "$logs/fuzz-$name.log"
    attempt "fuzz-$name" "build/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 -verbosity=0 \
      -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" "${options[@]}" "${seeds[@]}" &
    running+=($!)
  done
  local process
  for process in "${running[@]}"; do if wait "$process"; then count 1 0 0; else count 0 1 0; fi; done
}

stage_arm64() {
  local tool
  for tool in aarch64-linux-gnu-g++ qemu-aarch64-static; do
    if ! command -v $tool >/dev/null; then skip "$tool is not installed"; return; fi
  done
  if [ ! -d /usr/src/googletest ]; then skip "/usr/src/googletest (package googletest) is not there"; return; fi
  if ! scripts/get-arm64-libs.sh >>"$logs/arm64.log" 2>&1; then skip "no arm64 libraries from this system's mirrors"; return; fi
  build arm64 arm64-tests minnow_tests || return
  local tests=build/arm64-tests/minnow_tests
  # qemu-user takes RLIMIT_AS for its own and applies no limit to the program.
  skip "ThreadPool.IsSmallerWhereThreadsAreRefused and LyingModel.SizesBeyondAllMemory, under qemu-user"
  # Minutes each under the emulator; the tiny models take the same kernels in other shapes.
  skip "SameBits of the real model, whole pictures, and files with bytes changed, under qemu-user"
  local left_out='ThreadPool.IsSmallerWhereThreadsAreRefused:LyingModel.SizesBeyondAllMemory:*SameBits*real*:*Hostile*:PictureTest.*:*TaesdInEightBits'
  gtest arm64 qemu-aarch64-static $tests --gtest_filter="-$left_out"
  # The emulated processor has every instruction set, and the run above used the last of them.
  local isa
  for isa in neon neon_dotprod neon_i8mm; do
    echo "   MINNOW_ISA=$isa"
    gtest arm64 env MINNOW_ISA="$isa" qemu-aarch64-static $tests \
      --gtest_filter="*TinyModel*:Models/SameBits*:PackedModel.GivesTheSameBits*:VectorIndexTest.*-$left_out"
  done
}

stages=(source format dev release python isa tsan fuzz arm64)
if [ "${1:-}" = --quick ]; then stages=(source format dev); elif [ $# -gt 0 ]; then stages=("$@") last_begin=; fi
for stage in "${stages[@]}"; do
  if ! declare -F "stage_$stage" >/dev/null; then echo "check: unknown stage '$stage'" >&2; exit 2; fi
  rm -f "$logs/$stage".log "$logs/$stage"-[0-9]*.log
  begin=$SECONDS
  echo "== $stage"
  if [ -n "$last_begin" ] && [ $begin -gt "$last_begin" ]; then skip "$((begin / 60)) minutes are over; scripts/check.sh $stage runs it"; continue; fi
  "stage_$stage"
  echo "   $((SECONDS - begin)) s"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
