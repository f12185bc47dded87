#include "model/optimize.h"

#include "model/passes/absorb_flatten.h"
#include "model/passes/fold_constants.h"
#include "model/passes/fuse_activation.h"
#include "model/passes/fuse_batchnorm.h"
#include "model/passes/fuse_matmul_add.h"
#include "model/passes/remove_dead.h"
#include "model/passes/remove_pass_through.h"
#include "model/passes/sum_to_add.h"

namespace widepipe::model {

void optimize(Graph& graph) {
  // Each pass sees to all places it finds; the order makes a second round needless: constants and
  // biases come before the activations behind them, and a Gemm exists before it absorbs anything.
  remove_pass_through(graph);
  fold_constants(graph);
  remove_dead(graph);
  sum_to_add(graph);
  fuse_batchnorm(graph);
  fuse_matmul_add(graph);
  fuse_activation(graph);
  absorb_flatten(graph);
  remove_dead(graph);
}

}  // namespace widepipe::model
