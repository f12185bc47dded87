#pragma once
// Numbers as people read them.

#include <cstdint>
#include <string>

namespace widepipe {

/// 1234567 -> "1,234,567".
std::string grouped(std::int64_t number);

/// Bytes with a decimal unit and three digits: "31.4 MB".
std::string bytes_text(double bytes);

/// "0.84 s", "42 s", "3 min 05 s", "2 h 07 min".
std::string duration_text(double seconds);

/// Multiply-adds and the like: "1.09 M", "385 M", "4.1 G".
std::string scaled(double number);

}  // namespace widepipe
