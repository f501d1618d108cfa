# bench/*.c: programs for ./do bench, which bench/bench.py runs.

set(bench_folder ${CMAKE_CURRENT_BINARY_DIR}/programs)

# Instructions are counted in a host by itself, compiled once for size and once for speed.
file(GLOB host_sources CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/src/host/*.c ${PROJECT_SOURCE_DIR}/src/spec/*.c)
foreach(level Os O2)
    add_executable(bench_instructions_${level}
        ${PROJECT_SOURCE_DIR}/bench/instructions.c ${PROJECT_SOURCE_DIR}/bench/controller.c ${host_sources}
        $<TARGET_OBJECTS:bluet_crypto>)
    target_compile_options(bench_instructions_${level} PRIVATE -${level} -ffreestanding -fbuiltin)
    target_include_directories(bench_instructions_${level} PRIVATE
        ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(bench_instructions_${level} PRIVATE bluet_flags bluet_system)
    set_target_properties(bench_instructions_${level} PROPERTIES
        OUTPUT_NAME instructions_${level} RUNTIME_OUTPUT_DIRECTORY ${bench_folder})
endforeach()

# The others know the public headers only.
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/air_*.c ${PROJECT_SOURCE_DIR}/bench/share.c)
foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(bench_${name} ${source})
    target_compile_definitions(bench_${name} PRIVATE _GNU_SOURCE)
    target_link_libraries(bench_${name} PRIVATE bluet bluet_flags)
    set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${bench_folder})
endforeach()
