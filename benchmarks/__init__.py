"""Speed and memory of `scorer run`, as ratios against peers measured in the same run."""
