# How everything of Trellis is compiled: language, warnings, sanitizers, tools, output folders.
set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(TRELLIS_PLUGIN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/trellis/plugins)

set(TRELLIS_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
if(TRELLIS_SANITIZE)
  add_compile_options(-fsanitize=${TRELLIS_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TRELLIS_SANITIZE})
endif()

find_program(TRELLIS_CCACHE ccache)
if(TRELLIS_CCACHE)
  # What one clone has compiled serves another.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
               ${TRELLIS_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()
find_program(TRELLIS_MOLD mold)
if(TRELLIS_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Flags of every target of this project; never passed on to those who link it.
add_library(trellis_build_flags INTERFACE)
target_compile_options(trellis_build_flags INTERFACE -Wall -Wextra -Werror
                       $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 finds these in the standard library's own concatenation of strings (GCC bug 105651).
  target_compile_options(trellis_build_flags INTERFACE -Wno-array-bounds -Wno-restrict
                         -Wno-stringop-overflow)
endif()
target_include_directories(trellis_build_flags INTERFACE ${PROJECT_SOURCE_DIR}
                           ${PROJECT_SOURCE_DIR}/core/include)

# trellis_reuse_headers(TARGET OWNER): compile with OWNER's precompiled headers, also an executable,
# whose code must then be made as for a library.
function(trellis_reuse_headers target owner)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()

# trellis_compile_quickly(TARGET): for rooms that wait for files, databases and people. With less
# effort of the compiler, and the headers that they all read precompiled once, they are built in half
# the time.
function(trellis_compile_quickly target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  trellis_reuse_headers(${target} trellis_quick_headers)
endfunction()

# A changed file is compiled with its whole group: whoever works on one room may prefer OFF.
option(TRELLIS_COMPILE_TOGETHER "Compile up to eight files of a room as one" ON)

# trellis_compile_together(TARGET): files in groups. Most of the time of a whole build goes into what
# they all read, above all LibTorch's headers, which even precompiled take longer to load than most
# files take to compile.
function(trellis_compile_together target)
  if(TRELLIS_COMPILE_TOGETHER)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

# trellis_add_headers(NAME HEADER [LIBRARIES ...]): a target that only precompiles a header. No macro
# may be defined for it that those who reuse it lack.
function(trellis_add_headers name header)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LIBRARIES")
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(${name} OBJECT ${source})
  target_link_libraries(${name} PRIVATE trellis_build_flags ${arg_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${PROJECT_SOURCE_DIR}/${header})
endfunction()

# trellis_add_library(NAME SOURCES ... LIBRARIES ...): one room as a static library, its files compiled
# in groups.
function(trellis_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/core/include)
  target_link_libraries(${name} PUBLIC ${arg_LIBRARIES} PRIVATE trellis_build_flags)
  trellis_compile_together(${name})
endfunction()
