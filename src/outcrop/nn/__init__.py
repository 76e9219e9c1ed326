"""Training of dense networks: the only package that imports torch, and only while fitting.

`small` trains narrow networks in small batches with a compiled loop; `models`, `train` and
`greedy` train wider ones in large batches with torch. Both hand a network over as one flat
vector of float32 (its layout: `initial.glorot`), which `outcrop.reduction.dense` applies.
"""
