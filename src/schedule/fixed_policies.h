#pragma once
// Policies after systems that people use or read of, under the queues, drops and ejections that all
// policies share. What their authors do with one device is done here on each.

#include <memory>

#include "schedule/request_policy.h"

namespace widepipe::schedule {

/// After Clockwork (Gujarati et al., OSDI 2020): a device runs one batch at a time, on all of its
/// cores; the stream whose first request must leave soonest goes first (but for the scheduler's
/// order where much is missed), in the largest batch that is predicted to answer it in time.
/// Nothing is held back. Predictions are taken `caution` times.
std::unique_ptr<RequestPolicy> make_clockwork_policy(double caution);

/// After Nexus (Shen et al., SOSP 2019): the batch of a model is the largest that runs in
/// `slo_share` of its SLO, usually half of it, and requests gather for the rest; batches take
/// `stretch` times as long as alone. Devices hold models in proportion to their load (squishy bin
/// packing, without its merging of parts).
std::unique_ptr<RequestPolicy> make_nexus_policy(double slo_share, double stretch);

/// After Clipper (Crankshaw et al., NSDI 2017): the largest batch of a model grows by one while
/// batches of that size are expected in time, taking `caution` times what is expected, and shrinks
/// to nine tenths when one is not. Nothing is held back; a model runs on the cores on which batches
/// that take `slo_share` of its SLO cost least.
std::unique_ptr<RequestPolicy> make_aimd_policy(double slo_share, double caution);

/// For data sets: batches of the time that `score` aims at, smaller ones towards the end; nothing
/// is held back, and deadlines are not looked at.
std::unique_ptr<RequestPolicy> make_bulk_request_policy();

}  // namespace widepipe::schedule
