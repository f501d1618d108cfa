# What ./do size weighs: the host with every public function, the same with those of a peripheral only, and a program
# that counts the memory which a host takes, to be run by QEMU.

set(size_folder ${CMAKE_CURRENT_BINARY_DIR}/programs)
set(header ${PROJECT_SOURCE_DIR}/include/bluet/bluet.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})

# A program that holds the address of each function whose name fits, and calls none.
function(bluet_size_program name pattern)
    file(STRINGS ${header} lines REGEX "^BLUET_API ")
    set(entries "")
    foreach(line ${lines})
        string(REGEX MATCH "bluet_[a-z0-9_]+\\(" function "${line}")
        string(REPLACE "(" "" function "${function}")
        if(function MATCHES "${pattern}")
            string(APPEND entries "    (any)${function},\n")
        endif()
    endforeach()
    file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/size_${name}.c CONTENT "/* Made by cmake/size.cmake. */
#include \"bluet/bluet.h\"

typedef void (*any)(void);
extern const any volatile size_roots[];
const any volatile size_roots[] = {
@entries@};
" @ONLY)

    add_executable(size_${name} ${PROJECT_SOURCE_DIR}/bench/size_root.c ${CMAKE_CURRENT_BINARY_DIR}/size_${name}.c
        ${PROJECT_SOURCE_DIR}/bench/size_crypto.c $<TARGET_OBJECTS:bluet_host>)
    target_include_directories(size_${name} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    bluet_size_link(size_${name})
endfunction()

function(bluet_size_link target)
    set_target_properties(${target} PROPERTIES SUFFIX .elf RUNTIME_OUTPUT_DIRECTORY ${size_folder})
    target_link_options(${target} PRIVATE
        -nostartfiles --specs=nano.specs -T ${PROJECT_SOURCE_DIR}/bench/cortex-m4.ld
        -Wl,--gc-sections -Wl,-Map=${size_folder}/${target}.map)
    set_target_properties(${target} PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/bench/cortex-m4.ld)
endfunction()

bluet_size_program(all ".")
string(CONCAT peripheral "create|destroy|activate|deactivate|is_active|receive|poll|deadline|set_.*|"
    "gap_advertise.*|gap_disconnect|gatts_.*")
bluet_size_program(peripheral "^bluet_(${peripheral})$")

add_executable(size_memory ${PROJECT_SOURCE_DIR}/bench/size_memory.c ${PROJECT_SOURCE_DIR}/bench/size_root.c
    ${PROJECT_SOURCE_DIR}/bench/controller.c ${PROJECT_SOURCE_DIR}/bench/size_crypto.c
    $<TARGET_OBJECTS:bluet_host>)
target_include_directories(size_memory PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(size_memory PRIVATE SIZE_RUNS)
target_link_libraries(size_memory PRIVATE bluet_flags)
bluet_size_link(size_memory)
