# Programs that count the memory which a host takes, to be run by QEMU: the host as it is configured, and one for a
# peripheral that does not pair. What the host weighs, bench/size.py finds out by itself.

set(size_folder ${CMAKE_CURRENT_BINARY_DIR}/programs)

function(bluet_size_program name sources)
    add_executable(${name} ${PROJECT_SOURCE_DIR}/bench/size_memory.c ${PROJECT_SOURCE_DIR}/bench/size_root.c
        ${PROJECT_SOURCE_DIR}/bench/controller.c ${PROJECT_SOURCE_DIR}/bench/size_crypto.c ${sources})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_compile_definitions(${name} PRIVATE SIZE_RUNS ${ARGN})
    target_compile_options(${name} PRIVATE -ffreestanding -fbuiltin)
    target_link_libraries(${name} PRIVATE bluet_flags)
    set_target_properties(${name} PROPERTIES SUFFIX .elf RUNTIME_OUTPUT_DIRECTORY ${size_folder}
        LINK_DEPENDS ${PROJECT_SOURCE_DIR}/bench/cortex-m4.ld)
    target_link_options(${name} PRIVATE
        -nostartfiles --specs=nano.specs -T ${PROJECT_SOURCE_DIR}/bench/cortex-m4.ld -Wl,--gc-sections)
endfunction()

file(GLOB host_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/host/*.c ${PROJECT_SOURCE_DIR}/src/spec/*.c)
bluet_size_program(size_memory "${host_sources}")
foreach(feature CENTRAL GATT_CLIENT L2CAP_CHANNELS EATT SECURITY LEGACY_PAIRING SIGNING PRIVACY)
    list(APPEND others_files ${bluet_${feature}_files})
endforeach()
list(JOIN others_files "|" others_files)
list(FILTER host_sources EXCLUDE REGEX "/(${others_files})[.]c$")
bluet_size_program(size_peripheral "${host_sources}"
    BLUET_CENTRAL=0 BLUET_GATT_CLIENT=0 BLUET_L2CAP_CHANNELS=0 BLUET_SECURITY=0)
