# Cross build for arm64 with Debian's compiler; tests run under qemu-user. Libraries: scripts/get-arm64-libs.sh.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L /usr/aarch64-linux-gnu)
set(CMAKE_LIBRARY_PATH ${CMAKE_CURRENT_LIST_DIR}/../.cache/arm64)
set(CMAKE_INCLUDE_PATH ${CMAKE_CURRENT_LIST_DIR}/../.cache/arm64/include)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
