# widepipe_texts(TARGET FUNCTION HEADER files...): files become part of the program. Generates the
# definition of `FUNCTION`, declared in HEADER: a list of pairs of name, without folder and
# extension, and text.
function(widepipe_texts target function header)
  set(entries "")
  foreach(file IN LISTS ARGN)
    file(READ ${file} text)
    get_filename_component(name ${file} NAME_WE)
    string(APPEND entries "      {\"${name}\", R\"~text~(${text})~text~\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  string(REGEX REPLACE ".*::" "" plain ${function})
  string(REGEX REPLACE "::[^:]*$" "" namespace ${function})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/texts/${plain}.cc)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"#include \"${header}\"

namespace ${namespace} {

const std::vector<std::pair<std::string_view, std::string_view>>& ${plain}() {
  static const std::vector<std::pair<std::string_view, std::string_view>> texts = {
${entries}  };
  return texts;
}

}  // namespace ${namespace}
")
  target_sources(${target} PRIVATE ${source})
endfunction()
