//! Benchmarks live in `micro/`; this library is empty on purpose.
