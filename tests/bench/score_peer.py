#!/usr/bin/env python3
"""Scores an HDF5 data set the way users do it today: mpi4py, h5py and ONNX Runtime.

Each rank reads its slab of rows, computes it in batches with one thread, and rank 0 gathers the
results and writes them. The benchmark's measure (see score_bench.py), not part of widepipe.

    mpirun -n 2 score_peer.py MODEL.onnx IN.h5:/images OUT.h5:/probabilities --batch 64
"""

import argparse
import json
import sys
import time

import h5py
import numpy as np
import onnxruntime
from mpi4py import MPI


def split_target(text):
    file, _, path = text.rpartition(":/")
    if not file:
        raise argparse.ArgumentTypeError(f"'{text}': expected FILE.h5:/data")
    return file, "/" + path


def make_session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def slab(rows, rank, ranks):
    """First row and end of this rank's static share."""
    return rows * rank // ranks, rows * (rank + 1) // ranks


def score_slab(session, source, begin, end, batch):
    (port,) = session.get_inputs()
    with h5py.File(source[0], "r") as file:
        data = file[source[1]][begin:end]
    results = None
    for first in range(0, len(data), batch):
        rows = data[first:first + batch].astype(np.float32)
        (scores,) = session.run(None, {port.name: rows})
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
    options = parser.parse_args()

    comm = MPI.COMM_WORLD
    rank, ranks = comm.Get_rank(), comm.Get_size()
    session = make_session(options.model)
    comm.Barrier()
    start = time.perf_counter()

    with h5py.File(options.input[0], "r") as file:
        rows = file[options.input[1]].shape[0]
    if rows < ranks:
        sys.exit(f"score_peer.py: {rows} rows are too few for {ranks} ranks")
    begin, end = slab(rows, rank, ranks)
    results = score_slab(session, options.input, begin, end, options.batch)

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
