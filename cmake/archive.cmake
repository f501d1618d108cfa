# libbluet.a. The objects of a room are first joined into one, in which everything but the public names is made local:
# a linker then sees names that begin with bluet_ and no others, so that an application's own `link_find` cannot clash.
# Sections stay apart in it (--unique), so that --gc-sections still drops what an application does not use.

set(bluet_archive_objects)
set(bluet_plain_archive OFF)
if(bluet_sanitizers OR BLUET_COVERAGE OR CMAKE_INTERPROCEDURAL_OPTIMIZATION OR CMAKE_C_FLAGS MATCHES "-flto"
   OR NOT CMAKE_OBJCOPY OR APPLE)
    # Instrumented or not yet compiled objects cannot be joined faithfully.
    set(bluet_plain_archive ON)
endif()

function(bluet_join name)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/joined/bluet_${name}.o)
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/joined)
    set(inputs)
    foreach(room ${ARGN})
        if(TARGET bluet_${room})
            list(APPEND inputs $<TARGET_OBJECTS:bluet_${room}>)
        endif()
    endforeach()
    if(NOT inputs)
        return()
    endif()
    separate_arguments(flags NATIVE_COMMAND "${CMAKE_C_FLAGS}")
    add_custom_command(OUTPUT ${object}
        COMMAND ${CMAKE_C_COMPILER} ${flags} -r -nostdlib -Wl,--unique -o ${object} ${inputs}
        COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${object}
        DEPENDS ${inputs}
        COMMAND_EXPAND_LISTS VERBATIM
        COMMENT "Joining ${name}")
    set(bluet_archive_objects ${bluet_archive_objects} ${object} PARENT_SCOPE)
endfunction()

if(bluet_plain_archive)
    set(bluet_archive_objects ${bluet_room_objects})
else()
    # Host and air call cryptography by internal names, so these are one. Each has the reader and the writer to itself.
    bluet_join(host host air crypto spec)
    bluet_join(runtime runtime spec)
    set_source_files_properties(${bluet_archive_objects} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
endif()

if(NOT bluet_archive_objects)
    return()
endif()
add_library(bluet STATIC ${bluet_archive_objects})
add_library(bluet::bluet ALIAS bluet)
set_target_properties(bluet PROPERTIES LINKER_LANGUAGE C ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
target_include_directories(bluet INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
get_target_property(bluet_system_libraries bluet_system INTERFACE_LINK_LIBRARIES)
if(bluet_system_libraries)
    target_link_libraries(bluet PRIVATE ${bluet_system_libraries})
endif()
