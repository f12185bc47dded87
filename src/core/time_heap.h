#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace widepipe {

/// The next time of each of some things, and which of them is first. A heap with four children to a
/// node, which knows where each is, so that times may change. Ties: the lower index first.
class TimeHeap {
 public:
  explicit TimeHeap(std::size_t things) : entries_(things), place_(things) {
    for (std::size_t i = 0; i < things; ++i) {
      entries_[i] = {kNever, static_cast<std::uint32_t>(i)};
      place_[i] = i;
    }
  }

  double next_time() const { return entries_.empty() ? kNever : entries_.front().time; }
  std::uint32_t next() const { return entries_.front().thing; }
  double time_of(std::uint32_t thing) const { return entries_[place_[thing]].time; }

  void set(std::uint32_t thing, double time) {
    std::size_t at = place_[thing];
    const Entry entry{time, thing};
    while (at > 0 && entry < entries_[(at - 1) / kChildren]) {
      move(at, (at - 1) / kChildren);
      at = (at - 1) / kChildren;
    }
    for (;;) {
      std::size_t first = at;
      const std::size_t begin = at * kChildren + 1;
      for (std::size_t child = begin; child < begin + kChildren && child < entries_.size();
           ++child) {
        if (entries_[child] < (first == at ? entry : entries_[first])) first = child;
      }
      if (first == at) break;
      move(at, first);
      at = first;
    }
    entries_[at] = entry;
    place_[thing] = at;
  }

 private:
  static constexpr std::size_t kChildren = 4;
  static constexpr double kNever = std::numeric_limits<double>::infinity();
  struct Entry {
    double time;
    std::uint32_t thing;
    bool operator<(const Entry& other) const {
      return time != other.time ? time < other.time : thing < other.thing;
    }
  };

  void move(std::size_t to, std::size_t from) {
    entries_[to] = entries_[from];
    place_[entries_[to].thing] = to;
  }

  std::vector<Entry> entries_;
  std::vector<std::size_t> place_;
};

}  // namespace widepipe
