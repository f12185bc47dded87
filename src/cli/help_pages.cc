#include "cli/help_pages.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>
#include <string_view>
#include <vector>

#include "core/version.h"

namespace widepipe::cli {
namespace {

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

/// roff reads "-" as a hyphen, a backslash as a command, and so a dot or quote that begins a line.
std::string roff(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (escaped.empty() || escaped.back() == '\n')) escaped += "\\&";
    if (c == '-' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

/// What the option takes, without the words that a check adds in braces.
std::string type_of(const CLI::Option& option) {
  const std::string type = option.get_type_size() == 0 ? "" : option.get_type_name();
  return type.substr(0, type.find(":{"));
}

std::string man_options(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    const std::string type = type_of(*option);
    text += fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", roff(option->get_name(true, true)),
                        type.empty() ? "" : " \\fI" + roff(type) + "\\fR",
                        roff(option->get_description()));
  }
  return text;
}

/// "ranks|scatter" as words; none if the type is not a list of them.
std::vector<std::string> words_of(const CLI::Option& option) {
  std::vector<std::string> words;
  const std::string type = type_of(option);
  if (type.find('|') == std::string::npos) return words;
  std::istringstream stream(type);
  for (std::string word; std::getline(stream, word, '|');) {
    if (word != "N") words.push_back(word);
  }
  return words;
}

std::vector<std::string> long_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string word_cases(const CLI::App& verb) {
  std::string text;
  for (const CLI::Option* option : verb.get_options()) {
    const std::vector<std::string> words = words_of(*option);
    if (words.empty()) continue;
    for (const std::string& name : option->get_lnames()) {
      text += fmt::format("    \"{} --{}\") words=\"{}\" ;;\n", verb.get_name(), name,
                          fmt::join(words, " "));
    }
    if (option->get_positional()) {
      text += fmt::format("    \"{0} {0}\") words=\"{1}\" ;;\n", verb.get_name(),
                          fmt::join(words, " "));
    }
  }
  return text;
}

}  // namespace

std::string man_page(const CLI::App& app) {
  std::string text = fmt::format(
      ".TH WIDEPIPE 1 \"\" \"widepipe {}\" \"widepipe\"\n.SH NAME\nwidepipe \\- {}\n.SH SYNOPSIS\n",
      roff(kVersion), roff("batch inference over MPI on clusters of neural processing units"));
  for (const CLI::App* verb : verbs_of(app)) {
    text += fmt::format(".B widepipe {}\n[options]\n.br\n", verb->get_name());
  }
  for (const CLI::App* verb : verbs_of(app)) {
    std::string title = verb->get_name();
    for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    text +=
        fmt::format(".SH {}\n{}.\n{}", title, roff(verb->get_description()), man_options(*verb));
  }
  return text + fmt::format(".SH EXIT STATUS\n{}\n", roff(app.get_footer()));
}

std::string completion(const CLI::App& app, const std::string& shell) {
  std::vector<std::string> names;
  std::string options;
  std::string words;
  for (const CLI::App* verb : verbs_of(app)) {
    names.push_back(verb->get_name());
    options += fmt::format("    \"{} -\"*) words=\"{}\" ;;\n", verb->get_name(),
                           fmt::join(long_names(*verb), " "));
    words += word_cases(*verb);
  }
  const std::string script = fmt::format(
      R"(_widepipe() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{} {}" -- "$word"))
    return
  fi
  case "${{COMP_WORDS[1]}} $word" in
{}  esac
  case "${{COMP_WORDS[1]}} $before" in
{}  esac
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -o filenames -F _widepipe widepipe
)",
      fmt::join(names, " "), fmt::join(long_names(app), " "), options, words);
  return shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" + script : script;
}

}  // namespace widepipe::cli
