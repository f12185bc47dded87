#include "kernels/winograd_weights.h"

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

std::array<float, kWinogradPoints> transformed(std::span<const float> taps, const Matrix& matrix) {
  std::array<std::array<double, kTaps>, kIn> half{};  // points by columns of taps
  for (std::size_t i = 0; i < kIn; ++i) {
    for (std::size_t k = 0; k < kTaps; ++k) {
      for (std::size_t l = 0; l < kTaps; ++l) {
        half[i][l] += matrix[i][k] * static_cast<double>(taps[k * kTaps + l]);
      }
    }
  }
  std::array<float, kWinogradPoints> points{};
  for (std::size_t i = 0; i < kIn; ++i) {
    for (std::size_t j = 0; j < kIn; ++j) {
      double sum = 0.0;
      for (std::size_t l = 0; l < kTaps; ++l) sum += half[i][l] * matrix[j][l];
      points[i * kIn + j] = static_cast<float>(sum);
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
  for (std::int64_t out = 0; out < out_channels; ++out) {
    for (std::int64_t in = 0; in < in_channels; ++in) {
      const auto first = static_cast<std::size_t>(out * in_channels + in) * kTaps * kTaps;
      const auto points = transformed(w.subspan(first, kTaps * kTaps), matrix);
      const std::int64_t at = (out / form.panel * padded_in + in) * form.panel + out % form.panel;
      for (std::int64_t point = 0; point < kWinogradPoints; ++point) {
        to[point * point_size + at] = points[static_cast<std::size_t>(point)];
      }
    }
  }
  return buffer;
}

}  // namespace widepipe::kernels
