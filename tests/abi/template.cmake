# cmake -D BUILD=... -D SOURCE=... -D GENERATOR=... -D TEST=... -P template.cmake
set(folder ${BUILD}/tests/template)
file(REMOVE_RECURSE ${folder})

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${folder}/installed)
# A copy, so that nothing of this project can be reached by a relative path.
file(COPY ${SOURCE}/plugins/template/ DESTINATION ${folder}/source)
run(${CMAKE_COMMAND} -S ${folder}/source -B ${folder}/build -G ${GENERATOR}
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=${folder}/installed
    "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
run(${CMAKE_COMMAND} --build ${folder}/build)
set(ENV{TRELLIS_TEMPLATE_PLUGINS} ${folder}/build/plugins)
run(${TEST})
