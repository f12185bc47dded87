#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "schedule/request_types.h"

namespace widepipe::schedule {

/// First in, first out, in a ring that only grows: no allocation once it has seen its longest.
class RequestQueue {
 public:
  std::size_t size() const { return tail_ - head_; }
  bool empty() const { return head_ == tail_; }
  const Request& front() const { return ring_[head_ & mask_]; }
  const Request& at(std::size_t place) const { return ring_[(head_ + place) & mask_]; }

  void push_back(const Request& request) {
    if (size() == ring_.size()) grow();
    ring_[tail_++ & mask_] = request;
  }
  void push_front(const Request& request) {
    if (size() == ring_.size()) grow();
    ring_[--head_ & mask_] = request;
  }
  void pop_front() { ++head_; }

 private:
  void grow() {
    std::vector<Request> larger(ring_.size() * 2);
    const std::size_t count = size();
    for (std::size_t i = 0; i < count; ++i) larger[i] = ring_[(head_ + i) & mask_];
    ring_ = std::move(larger);
    mask_ = ring_.size() - 1;
    head_ = std::size_t{1} << 62;  // place 0, and far from 0 for push_front
    tail_ = head_ + count;
  }

  static constexpr std::size_t kFirst = 64;  // a power of two
  std::vector<Request> ring_ = std::vector<Request>(kFirst);
  std::size_t mask_ = kFirst - 1;
  std::size_t head_ = std::size_t{1} << 62;  ///< places are modulo the ring's size
  std::size_t tail_ = head_;
};

}  // namespace widepipe::schedule
