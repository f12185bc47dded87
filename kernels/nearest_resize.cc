#include "kernels/nearest_resize.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace widepipe::kernels {
namespace {

class NearestKernel final : public Kernel {
 public:
  NearestKernel(MappedCopy copy, float extrapolation) : copy_(std::move(copy)) {
    std::memcpy(extrapolation_.data(), &extrapolation, sizeof extrapolation);
  }

  void run(const KernelArgs& args) override {
    copy_.run(args.inputs[0], extrapolation_.data(), args.outputs[0]);
  }

 private:
  MappedCopy copy_;
  std::array<std::byte, 8> extrapolation_ = {};
};

}  // namespace

std::vector<AxisMap> nearest_maps(const ResizeGeometry& geometry) {
  std::vector<AxisMap> maps;
  for (const ResizeAxis& axis : geometry.axes) {
    maps.push_back(identity_map(axis.out));
    if (geometry.keeps(axis)) continue;
    for (std::int64_t& source : maps.back()) {
      const double position = geometry.position(axis, source);
      source = geometry.extrapolates(axis, position)
                   ? kFilled
                   : std::clamp<std::int64_t>(geometry.nearest(position), 0, axis.in - 1);
    }
  }
  return maps;
}

std::unique_ptr<Kernel> nearest_kernel(MappedCopy copy, float extrapolation) {
  return std::make_unique<NearestKernel>(std::move(copy), extrapolation);
}

}  // namespace widepipe::kernels
