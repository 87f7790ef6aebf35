# Micro-benchmarks stand beside their source (*_bench.cc) and use google-benchmark.
find_package(benchmark REQUIRED)
file(GLOB_RECURSE bench_sources CONFIGURE_DEPENDS src/*_bench.cc)
if(bench_sources)
  add_executable(minnow_bench ${bench_sources})
  target_link_libraries(minnow_bench PRIVATE minnow_core benchmark::benchmark benchmark::benchmark_main)
endif()
