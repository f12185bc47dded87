#include "rl/request_counter.h"

namespace widepipe::rl {

RequestCounter::RequestCounter(const schedule::Cluster& cluster, Measures& measures,
                               const BatchLog& log)
    : cluster_(cluster), measures_(measures), log_(log) {
  for (const schedule::RequestStream& stream : cluster.streams) {
    StreamMeasures& one = measures_.streams.emplace_back();
    one.name = stream.name;
    one.slo = stream.slo;
  }
}

void RequestCounter::answered(schedule::StreamId id, const schedule::Request& request,
                              Seconds now) {
  StreamMeasures& stream = measures_.streams[id];
  const Seconds latency = now - request.arrival;
  (latency <= cluster_.streams[id].slo ? stream.in_time : stream.late) += 1;
  stream.latency.add(latency);
  measures_.makespan = now;
  ++measures_.events;
}

void RequestCounter::dropped(schedule::StreamId id, const schedule::Request& /*request*/,
                             Seconds /*now*/) {
  if (ended_) return;
  ++measures_.streams[id].dropped;
  ++measures_.events;
}

void RequestCounter::closed(const schedule::ClosedBatch& batch) {
  StreamMeasures& stream = measures_.streams[batch.stream];
  ++stream.batches;
  stream.batched += batch.size;
  ++measures_.closed[static_cast<std::size_t>(batch.reason)];
  if (log_) log_(batch);
}

void take_counts(const schedule::RequestCounts& counts, Measures& measures) {
  for (StreamMeasures& stream : measures.streams) {
    stream.unfinished = stream.offered - stream.in_time - stream.late - stream.dropped;
  }
  measures.vetoed = counts.vetoed;
  measures.replaced = counts.replaced;
  measures.given_up = counts.given_up;
  measures.refused = counts.refused;
  measures.ejections = counts.ejections;
  measures.readmissions = counts.readmissions;
  measures.loads = counts.loads;
  measures.dispatched_again = counts.dispatched_again;
  measures.comparisons = counts.comparisons;
  measures.fallbacks = counts.fallbacks;
  measures.fallback_seconds = counts.fallback_seconds;
  measures.policy_steps = counts.policy_steps;
  if (counts.found_free > 0) {
    measures.travel = counts.travelled / static_cast<double>(counts.found_free);
  }
  if (counts.alone > 0) measures.stretch = counts.worked / counts.alone;
}

}  // namespace widepipe::rl
