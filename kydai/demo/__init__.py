"""The demonstration: a made-up province's data centre, generated from a seed, with ground truth."""
