#include "report/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/console.h"
#include "core/units.h"

namespace widepipe::report {
namespace {

constexpr double kTerminalInterval = 0.1;
constexpr double kFirstLogLine = 2.0;
constexpr double kLongestLogInterval = 60.0;
constexpr double kMarkInterval = 5.0;
constexpr int kBarWidth = 30;

}  // namespace

Progress::Progress(std::FILE* out, bool terminal, std::int64_t total, std::int64_t already,
                   double end)
    : out_(out),
      terminal_(terminal),
      total_(total),
      already_(already),
      end_(end),
      next_print_(terminal ? kTerminalInterval : kFirstLogLine),
      interval_(terminal ? kTerminalInterval : kFirstLogLine),
      mark_done_{already, already} {}

double Progress::recent_rate(std::int64_t done, double now) const {
  const double elapsed = now - mark_time_[0];
  return elapsed > 0 ? static_cast<double>(done - mark_done_[0]) / elapsed : 0;
}

std::string Progress::line(std::int64_t done, double now) const {
  const double share = total_ > 0 ? static_cast<double>(done) / static_cast<double>(total_) : 1;
  const double rate = recent_rate(done, now);
  std::string text =
      fmt::format("{:3.0f} %  {} of {} rows", share * 100, grouped(done), grouped(total_));
  if (rate <= 0) return text;
  const double needed = static_cast<double>(total_ - done) / rate;
  text += fmt::format(", {} rows/s, {} left", grouped(static_cast<std::int64_t>(rate)),
                      duration_text(needed));
  if (end_ == std::numeric_limits<double>::infinity()) return text;
  const double granted = std::max(end_ - now, 0.0);
  if (needed <= granted) return text + ", in time";
  const double then = (static_cast<double>(done) + rate * granted) / static_cast<double>(total_);
  return text + fmt::format(" (stops in {}, at about {:.0f} %)", duration_text(granted),
                            std::floor(then * 100));
}

void Progress::update(std::int64_t done, double now) {
  if (now < next_print_) return;
  if (terminal_) {
    const auto filled = static_cast<std::size_t>(total_ > 0 ? kBarWidth * done / total_
                                                            : static_cast<std::int64_t>(kBarWidth));
    say(out_, fmt::format("\r\x1b[K[{}{}] {}", std::string(filled, '#'),
                          std::string(kBarWidth - filled, '.'), line(done, now)));
  } else {
    say(out_, line(done, now) + "\n");
    interval_ = std::min(interval_ * 1.5, kLongestLogInterval);
  }
  next_print_ = now + interval_;
  if (now - mark_time_[1] >= kMarkInterval) {
    mark_done_[0] = mark_done_[1];
    mark_time_[0] = mark_time_[1];
    mark_done_[1] = done;
    mark_time_[1] = now;
  }
}

void Progress::finish() {
  if (!terminal_) return;
  say(out_, "\r\x1b[K");
}

}  // namespace widepipe::report
