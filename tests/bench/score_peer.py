#!/usr/bin/env python3
"""Scores an HDF5 data set the way users do it today: mpi4py, h5py and ONNX Runtime or OpenVINO.

Each rank reads its slab of rows, computes it in batches with one thread, and rank 0 gathers the
results and writes them. The benchmark's measure (see score_bench.py), not part of widepipe.

    mpirun -n 2 score_peer.py MODEL.onnx IN.h5:/images OUT.h5:/probabilities --batch 64 \\
        --runtime openvino
"""

import argparse
import json
import sys
import time

import h5py
import numpy as np
from mpi4py import MPI


def split_target(text):
    file, _, path = text.rpartition(":/")
    if not file:
        raise argparse.ArgumentTypeError(f"'{text}': expected FILE.h5:/data")
    return file, "/" + path


def make_onnxruntime(model, _batch, _dtype):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    return lambda rows: session.run(None, {port.name: rows.astype(np.float32)})[0]


def make_openvino(model, batch, dtype):
    """One thread, f32, shapes fixed to the batch, rows taken in the type that they are stored in."""
    import openvino
    core = openvino.Core()
    network = core.read_model(model)
    steps = openvino.preprocess.PrePostProcessor(network)
    steps.input().tensor().set_element_type(openvino.Type(dtype))
    network = steps.build()
    network.reshape([batch, *list(network.input().partial_shape)[1:]])
    compiled = core.compile_model(network, "CPU", {
        "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": "1",
        "ENABLE_CPU_PINNING": "NO"})
    request = compiled.create_infer_request()

    def run(rows):
        whole = rows
        if len(rows) < batch:
            whole = np.zeros((batch, *rows.shape[1:]), rows.dtype)
            whole[:len(rows)] = rows
        request.infer([np.ascontiguousarray(whole)], share_inputs=True)
        return request.get_output_tensor().data[:len(rows)]
    return run


RUNTIMES = {"onnxruntime": make_onnxruntime, "openvino": make_openvino}


def slab(rows, rank, ranks):
    """First row and end of this rank's static share."""
    return rows * rank // ranks, rows * (rank + 1) // ranks


def score_slab(run, source, begin, end, batch):
    with h5py.File(source[0], "r") as file:
        data = file[source[1]][begin:end]
    results = None
    for first in range(0, len(data), batch):
        rows = data[first:first + batch]
        scores = run(rows)
        if results is None:
            results = np.empty((len(data), *scores.shape[1:]), scores.dtype)
        results[first:first + len(rows)] = scores
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("input", type=split_target, metavar="IN.h5:/data")
    parser.add_argument("output", type=split_target, metavar="OUT.h5:/data")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--runtime", choices=RUNTIMES, default="onnxruntime")
    options = parser.parse_args()

    comm = MPI.COMM_WORLD
    rank, ranks = comm.Get_rank(), comm.Get_size()
    with h5py.File(options.input[0], "r") as file:
        rows, dtype = file[options.input[1]].shape[0], file[options.input[1]].dtype
    run = RUNTIMES[options.runtime](options.model, options.batch, dtype)
    comm.Barrier()
    start = time.perf_counter()

    if rows < ranks:
        sys.exit(f"score_peer.py: {rows} rows are too few for {ranks} ranks")
    begin, end = slab(rows, rank, ranks)
    results = score_slab(run, options.input, begin, end, options.batch)

    width = int(np.prod(results.shape[1:]))
    counts = [(stop - first) * width for first, stop in
              (slab(rows, other, ranks) for other in range(ranks))]
    gathered = np.empty((rows, *results.shape[1:]), results.dtype) if rank == 0 else None
    comm.Gatherv(results, [gathered, counts] if rank == 0 else None, root=0)
    if rank == 0:
        with h5py.File(options.output[0], "w") as file:
            file[options.output[1]] = gathered
        seconds = time.perf_counter() - start
        print(json.dumps({"rows": rows, "ranks": ranks, "batch": options.batch,
                          "seconds": seconds, "rows_per_second": rows / seconds}))


if __name__ == "__main__":
    main()
