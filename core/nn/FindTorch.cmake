# trellis_torch: LibTorch as one target. Its package configuration prints and warns about optional
# parts that Trellis does not use, and finds protobuf, gflags and glog again each time.
set(trellis_message_level "${CMAKE_MESSAGE_LOG_LEVEL}")
set(CMAKE_MESSAGE_LOG_LEVEL ERROR)
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON) # the models' folders link it too
find_package(Torch QUIET)
unset(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL)
set(CMAKE_MESSAGE_LOG_LEVEL "${trellis_message_level}")
if(NOT Torch_FOUND)
  message(FATAL_ERROR "LibTorch was not found: install libtorch-dev, or name a newer one in "
                      "CMAKE_PREFIX_PATH, or configure with -DTRELLIS_TORCH=OFF")
endif()
message(STATUS "LibTorch ${Torch_VERSION}")
set_property(GLOBAL PROPERTY TRELLIS_TORCH_VERSION ${Torch_VERSION}) # for those outside this folder
add_library(trellis_torch INTERFACE)
target_link_libraries(trellis_torch INTERFACE ${TORCH_LIBRARIES})
target_include_directories(trellis_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
separate_arguments(trellis_torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(trellis_torch INTERFACE ${trellis_torch_flags})
