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
target_include_directories(trellis_build_flags INTERFACE ${PROJECT_SOURCE_DIR}
                           ${PROJECT_SOURCE_DIR}/core/include)

# trellis_add_library(NAME SOURCES ... LIBRARIES ...): one room as a static library.
function(trellis_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/core/include)
  target_link_libraries(${name} PUBLIC ${arg_LIBRARIES} PRIVATE trellis_build_flags)
endfunction()
