#include "kernels/winograd_weights.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "kernels/checks.h"

namespace widepipe::kernels {
namespace {

constexpr std::size_t kTaps = 3;
constexpr std::size_t kIn = kWinogradIn;

using Matrix = std::array<std::array<double, kTaps>, kIn>;

/// The values of a polynomial of degree 2 at the points, each divided by the product of the
/// point's distances to the other finite points, as Lagrange's interpolation wants it.
Matrix evaluation() {
  constexpr std::array<double, kIn - 1> kFinite = {0.0, kWinogradA, -kWinogradA, kWinogradB,
                                                   -kWinogradB};
  Matrix matrix{};
  for (std::size_t i = 0; i < kFinite.size(); ++i) {
    double product = 1.0;
    for (std::size_t other = 0; other < kFinite.size(); ++other) {
      if (other != i) product *= kFinite[i] - kFinite[other];
    }
    matrix[i] = {1.0 / product, kFinite[i] / product, kFinite[i] * kFinite[i] / product};
  }
  matrix.back() = {0.0, 0.0, 1.0};
  return matrix;
}

/// Output channels that are transformed together, so that the compiler can use vectors.
constexpr std::size_t kTogether = 8;
using Lanes = std::array<double, kTogether>;

void multiply_add(Lanes& sum, const Lanes& x, double factor) {
  for (std::size_t lane = 0; lane < kTogether; ++lane) sum[lane] += x[lane] * factor;
}

std::array<Lanes, kWinogradPoints> transformed(const std::array<Lanes, kTaps * kTaps>& taps,
                                               const Matrix& matrix) {
  std::array<std::array<Lanes, kTaps>, kIn> half{};  // points by columns of taps
  for (std::size_t i = 0; i < kIn; ++i) {
    for (std::size_t k = 0; k < kTaps; ++k) {
      for (std::size_t l = 0; l < kTaps; ++l) {
        multiply_add(half[i][l], taps[k * kTaps + l], matrix[i][k]);
      }
    }
  }
  std::array<Lanes, kWinogradPoints> points{};
  for (std::size_t i = 0; i < kIn; ++i) {
    for (std::size_t j = 0; j < kIn; ++j) {
      for (std::size_t l = 0; l < kTaps; ++l) {
        multiply_add(points[i * kIn + j], half[i][l], matrix[j][l]);
      }
    }
  }
  return points;
}

}  // namespace

AlignedBuffer pack_winograd_weights(std::span<const float> w, std::int64_t out_channels,
                                    std::int64_t in_channels, const WinogradForm& form) {
  const Matrix matrix = evaluation();
  const auto padded_in = static_cast<std::int64_t>(
      round_up(static_cast<std::size_t>(in_channels), static_cast<std::size_t>(form.lanes)));
  const std::int64_t panels = (out_channels + form.panel - 1) / form.panel;
  const std::int64_t point_size = panels * padded_in * form.panel;
  AlignedBuffer buffer(static_cast<std::size_t>(kWinogradPoints * point_size) * sizeof(float));
  std::memset(buffer.data(), 0, buffer.size());
  auto* to = as<float>(buffer.data());
  const auto together = static_cast<std::int64_t>(kTogether);
  for (std::int64_t out = 0; out < out_channels;) {
    // What fits into one panel lies side by side.
    const std::int64_t place = out % form.panel;
    const std::int64_t count = std::min({together, form.panel - place, out_channels - out});
    for (std::int64_t in = 0; in < in_channels; ++in) {
      std::array<Lanes, kTaps * kTaps> taps{};
      for (std::int64_t lane = 0; lane < count; ++lane) {
        const auto first = static_cast<std::size_t>((out + lane) * in_channels + in) * taps.size();
        for (std::size_t tap = 0; tap < taps.size(); ++tap) {
          taps[tap][static_cast<std::size_t>(lane)] = static_cast<double>(w[first + tap]);
        }
      }
      const auto points = transformed(taps, matrix);
      const std::int64_t at = (out / form.panel * padded_in + in) * form.panel + place;
      for (std::size_t point = 0; point < points.size(); ++point) {
        float* row = to + static_cast<std::int64_t>(point) * point_size + at;
        for (std::int64_t lane = 0; lane < count; ++lane) {
          row[lane] = static_cast<float>(points[point][static_cast<std::size_t>(lane)]);
        }
      }
    }
    out += count;
  }
  return buffer;
}

}  // namespace widepipe::kernels
