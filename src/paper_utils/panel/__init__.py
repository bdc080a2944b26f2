"""The panel: real encoders on real judged sets, which pairs are measured and what of them."""
