#pragma once
// Pages made of the same options as --help.

#include <CLI/CLI.hpp>
#include <string>

namespace widepipe::cli {

/// widepipe(1), in the man macros of roff.
std::string man_page(const CLI::App& app);

/// A script that completes verbs, options and their words, for "bash" or "zsh".
std::string completion(const CLI::App& app, const std::string& shell);

}  // namespace widepipe::cli
