"""What ceilings are computed of: devices as profiles describe them, and popularity as workloads do."""

import numpy as np


class Device:
    """The equations of docs/npu-profiles.md."""

    def __init__(self, profile):
        self.constants = profile["device"]
        self.networks = {network["name"]: network for network in profile["network"]}

    def solo_seconds(self, name, cores, batch):
        device, network = self.constants, self.networks[name]
        gain = device["batch_gain"] * batch / (batch + device["batch_half"])
        flops = device["tflops_per_core"] * 1e12 * network["efficiency"] * gain
        loss = network["sharing_loss"] * (cores - 1) / batch ** device["scaling_exponent"]
        compute = batch * 2e9 * network["gmac"] / flops * (1 + loss) / cores
        launch = device["launch_ms"] + network.get("launch_ms", 0)
        return launch / 1e3 + max(compute, self.moved(name, batch))

    def moved(self, name, batch):
        """Seconds of the whole bandwidth."""
        return self.bytes(name, batch) / (self.constants["gb_per_s"] * 1e9)

    def bytes(self, name, batch):
        network = self.networks[name]
        wide = self.constants.get("bytes_per_value", 2)
        return wide * 1e6 * network["mparam"] + batch * network["features_mb"] * wide / 4 * 1e6

    def instance_gb(self, name, batch):
        return (self.bytes(name, batch) + self.constants["instance_overhead_mb"] * 1e6) / 1e9

    def ways(self, name, slo, kind):
        """Of each way to batch requests, for one of them: shares of cores and of bandwidth, GB-seconds; and its batch.
        Those that no other of the same size beats."""
        cores_there = kind.get("cores", self.constants["cores"])
        best = []
        for batch in range(1, self.constants["max_batch"] + 1):
            found = []
            for cores in self.constants["core_choices"]:
                seconds = self.solo_seconds(name, cores, batch) / kind.get("speed", 1)
                if cores <= cores_there and seconds <= slo:
                    found.append((cores * seconds / cores_there / batch, self.moved(name, batch) / batch,
                                  seconds * self.instance_gb(name, batch) / batch))
            best += [(*one, batch) for one in found
                     if not any(other != one and all(x <= y for x, y in zip(other, one)) for other in found)]
        return best

    def quickest(self, name):
        return min(self.solo_seconds(name, cores, 1) for cores in self.constants["core_choices"])


def popularity(workload, tenants):
    """By phase: its part of the run, and the tenants' parts of what arrives."""
    by_rank = np.arange(1, tenants + 1) ** -float(workload.get("zipf", 1))
    by_rank /= by_rank.sum()
    begins, places = [0.0], [0]
    for rotation in workload.get("rotation", []):
        begins.append(rotation["at"])
        places.append(places[-1] + rotation["places"])
    ends = begins[1:] + [1.0]
    return [(end - begin, by_rank[(np.arange(tenants) + by) % tenants]) for begin, end, by in zip(begins, ends, places)]
